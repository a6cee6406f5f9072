"""What every consumer is given: checkpoints, the files that are made of each, images, and the answers to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpint.core.images.synthetic import batch_for
from halfpint.core.kinds import Kind
from halfpint.core.network.network import Network
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.precisions.dtype import FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.spec import ExportSpec
from halfpint.core.targets.onnx.options import OPSET
from halfpint.core.verify.compare import distances, judged
from halfpint.core.verify.evidence import Verdict
from support import classifier
from support.checkpoints import checkpoints_in, dbnet_checkpoints, network_of
from support.jobs import done, end_of
from support.targets import BOTH, ONNX, TORCHSCRIPT

Array = NDArray[Any]

FIXTURES = Path(__file__).parents[1] / "fixtures" / "yolov5"


@dataclass(frozen=True)
class Column:
    """A column of README's table: the files of all checkpoints in one format and precision."""

    title: str
    kind: Kind
    dynamic: bool = False

    def __str__(self) -> str:
        return self.title


COLUMNS = (
    Column("ONNX FP32", Kind(ONNX, FP32)),
    Column("ONNX FP16", Kind(ONNX, FP16)),
    Column("dynamic FP32", Kind(ONNX, FP32), dynamic=True),
    Column("dynamic FP16", Kind(ONNX, FP16), dynamic=True),
    Column("TorchScript FP32", Kind(TORCHSCRIPT, FP32)),
    Column("TorchScript FP16", Kind(TORCHSCRIPT, FP16)),
)
STATIC, STATIC_HALF, DYNAMIC, DYNAMIC_HALF, SCRIPT, SCRIPT_HALF = COLUMNS


@dataclass(frozen=True)
class Question:
    """An N×C×H×W image, the answer in float64, and what rounding to each precision makes of that answer."""

    image: Array
    exact: tuple[Array, ...]
    rounded: Mapping[Precision, tuple[Array, ...]]

    @classmethod
    def about(cls, image: Array, network: Network) -> Question:
        rounded = {precision: Reference(precision.activations).run(network, image) for precision in FLOATS}
        return cls(image, Reference(FLOAT64).run(network, image), rounded)

    @classmethod
    def read(cls, path: Path) -> Question:
        with np.load(path) as arrays:
            outputs = range(sum(name.startswith("exact") for name in arrays))
            rounded = {precision: tuple(arrays[f"{precision}-{i}"] for i in outputs) for precision in FLOATS}
            return cls(arrays["image"], tuple(arrays[f"exact-{i}"] for i in outputs), rounded)

    def write(self, path: Path) -> None:
        answers = {"exact": self.exact, **{str(precision): outputs for precision, outputs in self.rounded.items()}}
        arrays = {f"{name}-{i}": output for name, outputs in answers.items() for i, output in enumerate(outputs)}
        np.savez(path, allow_pickle=False, image=self.image, **arrays)
        np.save(path.with_suffix(".npy"), self.image)


@dataclass(frozen=True)
class Case:
    """One checkpoint. `group`: what README calls its sort. `size`: height and width of its static files, px.

    `recorded`: the fixture that holds the image to ask about; without one, it is a structured image.
    """

    name: str
    group: str
    size: tuple[int, int]
    weights: Callable[[], Path]
    recorded: Path | None = None

    def make(self, folder: Path) -> None:
        """Export every sort of file, and compute the answers to an image of its size and to two of another."""
        weights, (height, width) = self.weights(), self.size
        exports: dict[str, dict[str, Any]] = {
            _part(STATIC, OPSET.default): {"targets": BOTH},
            _part(DYNAMIC, OPSET.default): {"dynamic": True},
            _part(STATIC, 12): {"opset": 12},
            _part(DYNAMIC, 12): {"opset": 12, "dynamic": True},
        }
        for part, more in exports.items():
            more |= {"precisions": FLOATS, "name": self.name, "verify": VerifyMode.QUICK}
            end = end_of(done(ExportSpec.of(weights, folder / part, height, width, **more)))
            assert end.exit_code == 0, end
        with network_of(weights) as network:
            task, stride = network.task, network.stride
            own = np.load(self.recorded)["image"] if self.recorded else batch_for(task, 3, height, width, 0, 1)
            other = batch_for(task, 3, height + stride, width - stride, 1, 2)
            Question.about(own, network).write(folder / "own.npz")
            Question.about(other, network).write(folder / "other.npz")

    @property
    def outputs(self) -> list[str]:
        return [output.name for output in _described(self).outputs]

    def file(self, folder: Path, column: Column, opset: int) -> Path:
        """Where `make` puts a file."""
        return folder / _part(column, opset) / f"{self.name}{column.kind.suffix}"

    def off(self, answer: Sequence[Array], question: Question, precision: Precision) -> str:
        """Which part of an answer is off by more than the rounding noise of this network on this image, and how far.

        Empty if none is: PASS in the sense of verification.
        """
        if sorted(y.shape for y in answer) != sorted(y.shape for y in question.exact):
            return f"shapes {[y.shape for y in answer]}"
        # A consumer may tell the outputs in an order of its own; no two of ours have the same shape.
        answer = [next(y for y in answer if y.shape == wanted.shape) for wanted in question.exact]
        network = _described(self)
        error = distances(network, answer, question.exact)
        noise = distances(network, question.rounded[precision], question.exact)
        return ", ".join(
            f"{name} off by NRMSE {error[name].nrmse:.1e} where noise is {noise[name].nrmse:.1e}"
            for name in error
            if judged(error[name].nrmse, noise[name].nrmse) is not Verdict.PASS
        )


def _part(column: Column, opset: int) -> str:
    return f"{'dynamic' if column.dynamic else 'static'}-{opset}"


@cache
def _described(case: Case) -> Network:
    """The network's description; its weights cannot be loaded any more."""
    with network_of(case.weights()) as network:
        return network


# Detectors that runtimes take as they take the oldest one and that of stride 64: the latter are always tried.
BETWEEN = ("v3.1-s", "v5.0-s", "v6.0-s", "master-n")


@cache
def cases(exhaustive: bool = True) -> tuple[Case, ...]:
    """Detectors of four eras and of stride 64, one with masks, a classifier, and two variants of DBNet.

    Not resnet50_vlpt: to a runtime it is resnet18 with four times the weights. If not `exhaustive`, without `BETWEEN`.
    """
    left_out = ("-training", "resnet50_vlpt", *(() if exhaustive else BETWEEN))
    found = [c for c in (*checkpoints_in(FIXTURES), *dbnet_checkpoints()) if not c.name.endswith(left_out)]
    made = [Case(c.name, _group(c.name), c.image.shape[2:], c.found, c.recorded) for c in found]
    return (*made, Case("classifier", "classify", (96, 64), classifier.checkpoint))


def _group(name: str) -> str:
    if name.endswith("-seg"):
        return "segment"
    return "detect" if name[0] in "vm" else "DBNet"
