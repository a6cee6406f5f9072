"""Artifacts proved and verified in the test's own process, with whatever is put between the images and them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from halfpint.core.images.source import ImageSource
from halfpint.core.kinds import Kind
from halfpint.core.network.network import Network
from halfpint.core.option import NOTHING_GIVEN
from halfpint.core.options import DYNAMIC
from halfpint.core.precisions import FP32, Precision
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.proof.twin import seen_by_twin
from halfpint.core.shapes import InputShape
from halfpint.core.spec import Recipe
from halfpint.core.targets.contract import contract
from halfpint.core.targets.loaded import Loaded
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.target import Target
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.proof import Proof
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support.targets import ONNX

Array = NDArray[Any]

MOST = 0.5  # points: what --max-loss is unless the user says so


class Between:
    """What answers images by a function of them."""

    def __init__(self, answer: Callable[[Array], tuple[Array, ...]]) -> None:
        self._answer = answer

    def run(self, image: Array) -> tuple[Array, ...]:
        return self._answer(image)


def file_of(
    network: Network, size: tuple[int, int], precision: Precision = FP32, target: Target = ONNX, batch: int = 1
) -> tuple[bytes, ...]:
    """The files of an artifact, for one size where the target has such."""
    build = Recipe(*size, batch=batch).build(Kind(target, precision), network.channels)
    files = [BytesIO() for _ in target.suffixes]
    target.write(network, build, Provenance("weights.pt", "0" * 64), files)
    return tuple(file.getvalue() for file in files)


def opened(network: Network, size: tuple[int, int], precision: Precision = FP32, target: Target = ONNX) -> Loaded:
    return target.open(file_of(network, size, precision, target), "cpu")


def of_any_size(network: Network) -> bytes:
    """An ONNX file that takes any size."""
    build = Recipe(64, 64, values=NOTHING_GIVEN.having(DYNAMIC, True)).build(Kind(ONNX, FP32), network.channels)
    file = BytesIO()
    ONNX.write(network, build, Provenance("", ""), [file])
    return file.getvalue()


def dynamic(network: Network) -> Loaded:
    """The same, opened."""
    return ONNX.open((of_any_size(network),), "cpu")


def seen(
    network: Network, images: ImageSource, size: tuple[int, int], precisions: Collection[Precision] = ()
) -> Yardstick:
    return seen_by_twin(images, network, size, "cpu", precisions)


def proved(by: Yardstick, answer: Callable[[Array], tuple[Array, ...]]) -> Proof:
    return prove(Between(answer), by, MOST)


def verified(by: Yardstick, path: Path, data: bytes, precision: Precision = FP32) -> tuple[Report, Report]:
    """An ONNX file for one size, verified in full: on test images alone, and on those of the user as well."""
    network = by.network
    path.write_bytes(data)
    shape = InputShape(1, network.channels, by.preparation.height, by.preparation.width)
    subject = Subject((path,), Kind(ONNX, precision), shape, contract(network, shape, dynamic=False))
    answers = Answers(network)
    try:
        trial = on_trial(subject, network, plan(subject, network.stride))
        assert trial.loaded is not None
        trial.proof = prove(trial.loaded, by, MOST, precision=precision)
        with_images = judge(trial, answers)
        trial.proof = None
        return judge(trial, answers), with_images
    finally:
        answers.close()
