"""Float32 ONNX model → INT8 within a budget: ranges from images, and layers walked back to float as measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from numpy.typing import NDArray
from onnx import ModelProto

from ....errors import BadRequest, JobFailed
from ....units import figure
from ...loaded import Runner
from ..loaded import LoadedOnnx
from .forms import Form
from .gather import Images, gather
from .latency import latencies
from .layers import Layer, beginning, layers_of
from .qdq import Quantiser
from .scheme import Scheme
from .sensitivity import Bench, Divergence, Measured, Tell, measured, tensors_of
from .trade import Kept, Trade, Try, lost
from .walk import Step, forms_after, walk

Array = NDArray[Any]

_PROBES = 8  # images that each layer alone is measured on
# Half of a float32 file is what float16 takes: beyond it and a little for the graph, INT8 has no point any more.
LARGEST_RATIO = 0.6


@dataclass(frozen=True)
class Loss:
    """What a file loses on images, in points of mAP or F-score, 0 to 100.

    `points`: as reports count it. `expected`: the same by a finer count, which one box at a threshold moves less, and
    `error`: the standard error of that; where neither is known, `points` and 0 stand for them.
    """

    points: float
    expected: float
    error: float

    @classmethod
    def of(cls, points: float) -> Self:
        """A loss of which nothing more is known."""
        return cls(points, points, 0.0)


@dataclass(frozen=True, eq=False)
class Budget:
    """What a quantised file is held to: at most `points` may be lost, which `loss` measures on all images.

    `divergence`: how far one answer is from another, for the order in which layers go back to float.
    """

    points: float
    loss: Callable[[Runner], Loss]
    divergence: Divergence


@dataclass(frozen=True, eq=False)
class Quantised:
    """The INT8 model, and the trade that was made for it."""

    model: ModelProto
    trade: Trade


def ignored(done: int, total: int, text: str) -> None:
    """Nobody wants to know."""


def quantise(model: ModelProto, images: Images, budget: Budget, scheme: Scheme, tell: Tell = ignored) -> Quantised:
    """The smallest of the INT8 models that keep the budget, as far as the images can tell.

    A file keeps it if neither its loss is more, nor the expected one and the standard error of that together; if none
    does, one whose loss alone is not. `model` is not changed. `tell` is called after each step. Raises `BadRequest` for
    a model that has nothing to quantise, `JobFailed` if no file of less than 0.6 × the float32 one keeps the budget.
    """
    layers = layers_of(model)
    if not layers:
        raise BadRequest("the model has no convolution or matrix product in float32: there is nothing to quantise")
    gathered = gather(model, tensors_of(layers), images)
    stride = max(1, gathered.images // _PROBES)
    probes = list(islice(images(), 0, stride * _PROBES, stride))
    quantiser = Quantiser(model, layers, scheme)
    found = measured(quantiser, gathered.histograms, Bench(model, probes, budget.divergence), tell)
    saved = _saved(model, quantiser.model(beginning(layers), found.ranges), probes[0]) if scheme.here else 1.0
    steps = list(walk(layers, found.sensitivities, gathered.sizes, saved))
    search = _Search(model.ByteSize(), quantiser, found, steps, budget, tell)
    count = search.best()
    return Quantised(search.model(count), _trade(search, count, layers, scheme))


def _saved(full: ModelProto, eight: ModelProto, image: Array) -> float:
    """The share of float32's time that 8-bit arithmetic saves on this machine, in tenths, rounded down; at least 0."""
    runners = [LoadedOnnx(model.SerializeToString()) for model in (full, eight)]
    try:
        before, now = latencies(runners, image)
    finally:
        for runner in runners:
            runner.close()
    return max(0, math.floor(10 * (1 - now.least / before.least))) / 10


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
        self._layers = list(quantiser.layers.values())

    def model(self, count: int) -> ModelProto:
        """The model after so many steps."""
        return self._quantiser.model(forms_after(self._layers, self.steps[:count]), self.found.ranges)

    def best(self) -> int:
        """How many steps to go: as few as will do, and then on until the loss itself is in the budget too.

        Raises `JobFailed` if none will do.
        """
        fails, holds = -1, 0
        while not self._is_sure(holds):
            if holds == len(self.steps):
                return self._by_its_loss_alone()
            fails, holds = holds, min(max(1, 2 * holds), len(self.steps))
        while holds - fails > 1:
            middle = (holds + fails) // 2
            fails, holds = (fails, middle) if self._is_sure(middle) else (middle, holds)
        further = 0
        while holds + further <= len(self.steps):
            tried = self._tried(holds + further)
            if self._is_sure(tried.steps) and tried.points <= self.budget.points:
                return tried.steps
            further += 1 + further // 4
        return self._by_its_loss_alone()

    def _is_sure(self, count: int) -> bool:
        tried = self._tried(count)
        # What is gained by rounding is chance: it makes up for no uncertainty.
        return self._small(tried) and max(tried.expected, 0.0) + tried.error <= self.budget.points

    def _by_its_loss_alone(self) -> int:
        """Where the images are too few to tell so small a loss: the most exact file whose loss is in the budget."""
        within = [t for t in self.tries.values() if self._small(t) and t.points <= self.budget.points]
        if within:
            return max(within, key=lambda tried: tried.steps).steps
        closest = min(filter(self._small, self.tries.values()), key=lambda t: t.points, default=None)
        came = (
            f"; the closest, {closest.nbytes / self.full_nbytes:.2f} ×, loses {figure(closest.points)}"
            if closest
            else ""
        )
        raise JobFailed(
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
            self.tries[count] = Try(count, len(data), loss.points, loss.expected, loss.error)
            self._tell(len(self.tries), 0, f"{len(data) / self.full_nbytes:.3f} ×: {lost(loss.points)}")
        return self.tries[count]


def _trade(search: _Search, count: int, layers: Sequence[Layer], scheme: Scheme) -> Trade:
    chosen, found = search.tries[count], search.found
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
        points=chosen.points,
        expected=chosen.expected,
        error=chosen.error,
        max_loss=search.budget.points,
        layers=tuple(kept),
        tries=tuple(sorted(search.tries.values(), key=lambda tried: tried.steps)),
        scheme=scheme.reason,
    )


def _kept(layer: Layer, form: Form, steps: Sequence[Step], found: Measured, whole: float) -> Kept:
    methods: Mapping[str, str] = found.methods if form is Form.INT8 else {}
    return Kept(
        layer=layer.name,
        form=form,
        weights=layer.weights,
        nbytes=sum(step.nbytes for step in steps),
        moved=found.sensitivities[layer.name].whole / whole,
        brought=sum(step.brought for step in steps) / whole,
        input=methods.get(layer.x, ""),
        output=methods.get(layer.y, ""),
    )
