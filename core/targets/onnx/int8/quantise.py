"""Float32 ONNX model → INT8 within a budget: ranges from images, and layers walked back to float as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

from ....errors import BadRequest, JobFailed
from ....units import figure
from ...budget import Budget, Images, Tell, ignored
from ...latency import Latency, latencies
from ...trade import Kept, Trade, Try, lost
from ..loaded import LoadedOnnx
from .forms import Form
from .gather import gather
from .layers import Layer, layers_of
from .qdq import Quantiser
from .scheme import Scheme
from .sensitivity import Bench, Measured, measured, tensors_of
from .walk import Step, forms_after, walk

Array = NDArray[Any]

_PROBES = 8  # images that each layer alone is measured on
# Half of a float32 file is what float16 takes: beyond it and a little for the graph, INT8 has no point any more.
LARGEST_RATIO = 0.6
_ONE_BY_ONE = 16  # steps back to float are tried one by one; after that, a sixteenth of all so far at a time


@dataclass(frozen=True, eq=False)
class Quantised:
    """The INT8 model, and the trade that was made for it."""

    model: ModelProto
    trade: Trade


def quantise(model: ModelProto, images: Images, budget: Budget, scheme: Scheme, tell: Tell = ignored) -> Quantised:
    """The INT8 model with the shortest way back to float that was found to keep the budget.

    `model` is not changed. `tell` is called after each step. Raises `BadRequest` for a model that has nothing to
    quantise, `JobFailed` if no file of less than 0.6 × the float32 one keeps the budget.
    """
    layers = layers_of(model)
    if not layers:
        raise BadRequest("the model has no convolution or matrix product in float32: there is nothing to quantise")
    gathered = gather(model, tensors_of(layers), images, tell=tell)
    stride = max(1, gathered.images // _PROBES)
    probes = list(islice(images(), 0, stride * _PROBES, stride))
    quantiser = Quantiser(model, layers, scheme)
    found = measured(quantiser, gathered.histograms, Bench(model, probes, budget.divergence), tell)
    steps = list(walk(layers, found.sensitivities, gathered.sizes))
    search = _Search(model.ByteSize(), quantiser, found, steps, budget, tell)
    count = search.shortest()
    made, trade = search.model(count), _trade(search, count, gathered.images, scheme)
    if scheme.here:
        before, now = timed(model, made, probes[0])
        trade = replace(trade, latency=now, full_latency=before)
    return Quantised(made, trade)


def timed(full: ModelProto, other: ModelProto, image: Array) -> tuple[Latency, ...]:
    """How long each takes for an image."""
    runners = [LoadedOnnx(model.SerializeToString()) for model in (full, other)]
    try:
        return latencies(runners, image)
    finally:
        for runner in runners:
            runner.close()


class _Search:
    """Looks for the shortest way back to float that keeps the budget."""

    def __init__(
        self,
        full_nbytes: int,
        quantiser: Quantiser,
        found: Measured,
        steps: Sequence[Step],
        budget: Budget,
        tell: Tell,
    ) -> None:
        self.full_nbytes, self.found, self.steps, self.budget = full_nbytes, found, steps, budget
        self.tries: dict[int, Try] = {}
        self._quantiser, self._tell = quantiser, tell
        self.layers = list(quantiser.layers.values())

    def model(self, count: int) -> ModelProto:
        """The model after so many steps."""
        return self._quantiser.model(forms_after(self.layers, self.steps[:count]), self.found.ranges)

    def shortest(self) -> int:
        """How many steps to go, at least. Raises `JobFailed` if no number of them will do.

        A budget of tenths of a point is less than what a few images tell: one box at the edge of one IoU costs as much.
        So the finer count decides, and a file that keeps the budget by the plain one on the images aside as well is
        looked for among the first steps alone.
        """
        count, holds = 0, None
        while True:
            loss = self._tried(count).loss
            if self._small(self.tries[count]) and loss.held <= self.budget.points:
                if loss.worst <= self.budget.points:
                    return count
                holds = count if holds is None else holds
            if holds is not None and count >= _ONE_BY_ONE:
                return holds
            if count == len(self.steps):
                raise self._failed()
            count = min(count + max(1, count // _ONE_BY_ONE), len(self.steps))

    def _failed(self) -> JobFailed:
        closest = min(filter(self._small, self.tries.values()), key=lambda tried: tried.loss.held, default=None)
        ratio = f"{closest.nbytes / self.full_nbytes:.2f} ×" if closest else ""
        came = f"; the closest, {ratio}, {lost(closest.loss.held)}" if closest else ""
        return JobFailed(
            f"no file of less than {LARGEST_RATIO} × the float32 one loses at most {figure(self.budget.points)} points"
            f"{came}",
            "allow more with --max-loss, or export in a float precision",
        )

    def _small(self, tried: Try) -> bool:
        return tried.nbytes < LARGEST_RATIO * self.full_nbytes

    def _tried(self, count: int) -> Try:
        if count not in self.tries:
            data = self.model(count).SerializeToString()
            loaded = LoadedOnnx(data)
            try:
                loss = self.budget.loss(loaded)
            finally:
                loaded.close()
            self.tries[count] = Try(count, len(data), loss)
            self._tell(len(self.tries), 0, f"{len(data) / self.full_nbytes:.3f} ×: {lost(loss.held)}")
        return self.tries[count]


def _trade(search: _Search, count: int, made_on: int, scheme: Scheme) -> Trade:
    chosen, found, layers = search.tries[count], search.found, search.layers
    forms = forms_after(layers, search.steps[:count])
    whole = sum(s.whole for s in found.sensitivities.values()) or 1.0
    taken = dict[str, list[Step]]()
    for step in search.steps[:count]:
        taken.setdefault(step.layer, []).append(step)
    named = {layer.name: layer for layer in layers}
    order = [*taken, *(layer.name for layer in layers if layer.name not in taken)]
    kept = (_kept(named[name], forms[name], taken.get(name, ()), found, whole) for name in order)
    return Trade(
        nbytes=chosen.nbytes,
        full_nbytes=search.full_nbytes,
        loss=chosen.loss,
        max_loss=search.budget.points,
        made_on=made_on,
        aside=search.budget.aside,
        layers=tuple(kept),
        tries=tuple(sorted(search.tries.values(), key=lambda tried: tried.steps)),
        scheme=scheme.reason,
    )


def _kept(layer: Layer, form: Form, steps: Sequence[Step], found: Measured, whole: float) -> Kept:
    methods: Mapping[str, str] = found.methods if form is Form.INT8 else {}
    return Kept(
        layer=layer.name,
        form=form,
        eight=form is Form.INT8,
        weights=layer.weights,
        nbytes=sum(step.nbytes for step in steps),
        moved=found.sensitivities[layer.name].whole / whole,
        brought=sum(step.brought for step in steps) / whole,
        input=methods.get(layer.x, ""),
        output=methods.get(layer.y, ""),
    )
