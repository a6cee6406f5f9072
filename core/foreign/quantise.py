"""In the sandbox: an ONNX model of others is quantised on images of the user, and judged by its own answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import ModelProto, checker

from ..errors import BadRequest, JobFailed
from ..images.synthetic import image_for
from ..network.preparation import Pixels
from ..precisions import INT8, REFERENCE
from ..proof.answers_alone import AnswersAlone, apart, counts_for
from ..sandbox.child import Answer
from ..sandbox.wire import Array
from ..targets.budget import Budget, Loss, Tell
from ..targets.loaded import Runner, told
from ..targets.onnx.choice import choice_in, shown
from ..targets.onnx.int8.dynamic import quantise_dynamically
from ..targets.onnx.int8.instructions import cpu_flags
from ..targets.onnx.int8.layers import layers_of
from ..targets.onnx.int8.plain import plain
from ..targets.onnx.int8.quantise import quantise
from ..targets.onnx.int8.scheme import Machine, scheme_for
from ..targets.onnx.loaded import LoadedOnnx
from ..targets.target import Files, Target
from ..targets.trade import Trade
from ..verify.compare import by_noise, distance
from ..verify.evidence import Evidence, Verdict
from ..verify.halved import running_as_it_is, shape_of
from .halve import model_of, opened, set_origin
from .steps import Steps

_DRAWN = 4  # test images of each kind, where the user gives none
_UNIT = Pixels()
_TOLD_OF_ITSELF = ("preparation",)  # properties by which a file of ours tells how a picture is prepared


@dataclass(frozen=True, eq=False)
class _Done:
    """The INT8 file, the trade, and what else is known of it."""

    data: bytes
    trade: Trade
    units: Sequence[str]
    checks: Sequence[Evidence]


class Quantising:
    """A model on its way to INT8: it is looked at first, then given images, and then goes step by step."""

    def __init__(self, target: Target, files: Files, said: Mapping[str, Any]) -> None:
        """Look at it. `said`: `size`, `machine`, `origin`, `most`, the points that may be lost, and
        `dynamic`: whether ranges are found as it runs, for which it needs no images.

        Raises what `plain` and `shape_of` raise, `BadRequest` where there is nothing to quantise or to judge by.
        """
        self._said, self._nbytes = said, len(files[0])
        self._source = model_of(target, files)
        self._old = opened(files)
        self.shape = shape_of(self._old, tuple(said["size"]))
        self._model = plain(self._source)
        self._choice = choice_in(self._model)
        names = [port.name for port in self._model.graph.output]
        self._judged = [i for i, name in enumerate((*names, *self._choice.sources)) if name not in self._choice.outputs]
        if not self._judged:
            raise BadRequest(
                "the model's outputs are choices between whole numbers: nothing tells what 8 bits do to them"
            )
        if not layers_of(self._model):
            raise BadRequest(
                f"the model has no convolution or matrix product in {REFERENCE.label} with weights of its own: "
                "there is nothing to quantise"
            )
        self._pixels: list[Array] = []
        self._steps: Steps[_Done] | None = None

    def described(self) -> Mapping[str, Any]:
        """Its shape, what its input is made of, and what it says of pictures itself."""
        properties = {prop.key: prop.value for prop in self._source.metadata_props}
        own = {name: properties[name] for name in _TOLD_OF_ITSELF if name in properties} if self._old.ours else {}
        return {"shape": list(self.shape.dims), "dtype": self._old.contract.input.dtype, "properties": own}

    def take(self, levels: Array, mean: Sequence[float], divisor: Sequence[float]) -> None:
        """Keep an image: its levels (1×C×H×W, uint8), of which `mean` is taken and which are divided by `divisor`."""
        if levels.shape != (1, *self.shape.dims[1:]) or levels.dtype != np.uint8:
            raise ValueError(f"an image of {levels.shape} for {self.shape}")
        self._pixels.append(levels)
        shaped = (np.array(v[: self.shape.channels], np.float32).reshape(1, -1, 1, 1) for v in (mean, divisor))
        self._mean, self._divisor = shaped

    def _draw(self) -> None:
        """Test images in place of the user's: shapes and letters."""
        for task in ("any", "text"):
            for seed in range(_DRAWN):
                image = image_for(task, *self.shape.dims[1:], seed)
                self.take(np.rint(image * 255).astype(np.uint8), _UNIT.mean, _UNIT.divisor)

    def more(self) -> Answer:
        """Its next step, or what came of it."""
        if self._steps is None:
            self._steps = Steps(self._done)
        step = self._steps.more()
        if step is not None:
            return {"step": list(step)}, ()
        done = self._steps.result
        header = {
            "told": list(done.trade.told),
            "ratio": done.trade.ratio,
            "csv": done.trade.to_csv(),
            "units": list(done.units),
            "checks": [check.to_dict() for check in done.checks],
        }
        return {"done": header}, (np.frombuffer(done.data, np.uint8),)

    def _done(self, tell: Tell) -> _Done:
        """All of the work."""
        ours = not self._pixels
        if ours:
            self._draw()
        model = ModelProto.FromString(shown(self._model, self._choice))
        reference = _Some(LoadedOnnx(model.SerializeToString()), self._judged)
        with running_as_it_is(self.shape):
            reference.run(self._image(0))
        self._check_the_same(reference)
        tell(0, 0, "it runs as it is")

        def answers() -> Iterator[tuple[Array, Sequence[Array]]]:
            for number in range(len(self._pixels)):
                image = self._image(number)
                yield image, reference.run(image)

        names = [name for i, name in enumerate(self._names()) if i in self._judged]
        try:
            counts = counts_for(names, answers)
        except ValueError as error:
            what = f"{error}: what {INT8.label} does to it cannot be told"
            raise BadRequest(what, "give other images, or a model with other outputs") from error
        tell(0, 0, "its answers to all images")
        aside = range(1, len(self._pixels), 2)
        alone = AnswersAlone(counts, answers, aside)
        budget = Budget(
            float(self._said["most"]),
            lambda candidate: self._loss(alone, candidate),
            lambda answer, exact: apart([answer[i] for i in self._judged], [exact[i] for i in self._judged]),
            len(aside),
        )

        def images() -> Iterator[Array]:
            return (self._image(number) for number in range(0, len(self._pixels), 2))

        scheme = scheme_for(Machine(self._said["machine"]), cpu_flags())
        if self._said["dynamic"]:
            made = quantise_dynamically(model, self._image(0), budget, scheme)
        else:
            made = quantise(model, images, budget, scheme, tell)
        return self._finished(made.model, made.trade, alone.units, ours=ours)

    def _loss(self, alone: AnswersAlone, candidate: Runner) -> Loss:
        return alone.loss(_Some(candidate, self._judged))

    def _names(self) -> Sequence[str]:
        return [*(port.name for port in self._model.graph.output), *self._choice.sources]

    def _image(self, number: int) -> Array:
        image = (self._pixels[number].astype(np.float32) - self._mean) / self._divisor
        return np.repeat(image, self.shape.batch, axis=0)

    def _check_the_same(self, reference: _Some) -> None:
        """Raises `JobFailed` if the model in plain form answers otherwise than the file as it came."""
        own = [i for i in self._judged if i < len(self._model.graph.output)]
        image = self._image(0)
        before, now = self._old.run(image), reference.run(image)
        for place, i in enumerate(own):
            same = before[i].shape == now[place].shape
            if not same or by_noise(distance(now[place], before[i]).nrmse, 0.0) is not Verdict.PASS:
                what = f"{self._names()[i]} is another once the model is converted to an opset that 8 bits need"
                raise JobFailed(what, "export the model anew with a later opset")

    def _finished(self, model: ModelProto, trade: Trade, units: Sequence[str], *, ours: bool) -> _Done:
        """The file as it will be published: with the model's own outputs alone, loaded and run once more."""
        count = len(self._model.graph.output)
        del model.graph.output[count:]
        of_ours = {"precision": INT8.name} if self._old.ours else {}
        set_origin(model, self._source, {**self._said["origin"], **of_ours})
        data = model.SerializeToString()
        try:
            checker.check_model(data, full_check=True)
            answers = LoadedOnnx(data).run(self._image(0))
        except Exception as error:  # the checker and the runtime have exceptions of their own
            raise JobFailed(f"the quantised file is refused: {told(error)}", "the file was not published") from error
        before = self._old.run(self._image(0))
        if [y.dtype for y in answers] != [x.dtype for x in before]:
            raise JobFailed("the quantised file's outputs have other types", "the file was not published")
        checks = [Evidence("loads", Verdict.PASS, "the ONNX checker and ONNX Runtime accept it")]
        if self._choice.outputs:
            chosen, by = ", ".join(self._choice.outputs), ", ".join(self._choice.operators)
            message = f"{chosen} is chosen by {by}: what it is chosen from is judged, not the choice"
            checks.append(Evidence("choices", Verdict.WARN, message))
        if ours:
            on_ours = (
                f"judged on {len(self._pixels)} test images: only images of yours, with --data, tell what it finds"
            )
            checks.append(Evidence("images", Verdict.WARN, on_ours))
        trade = replace(trade, nbytes=len(data), full_nbytes=self._nbytes)
        return _Done(data, trade, units, checks)


class _Some:
    """Some of the outputs of what answers images."""

    def __init__(self, runner: Runner, which: Sequence[int]) -> None:
        self._runner, self._which = runner, which

    def run(self, image: Array) -> tuple[Array, ...]:
        answers = self._runner.run(image)
        return tuple(answers[i] for i in self._which)
