"""Every artifact's size is known before it exists; a disk too small is told of before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from halfpint.core.export.order import Order
from halfpint.core.kinds import Kind
from halfpint.core.precisions import FLOATS
from halfpint.core.samples.make import write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec
from halfpint.core.shapes import InputShape, Level
from halfpint.core.sizes import ArtifactSize, Sizes, disk_finding
from halfpint.core.spec import ExportSpec
from halfpint.core.weights_source import WeightsSource
from support.checkpoints import Checkpoint
from support.jobs import done, end_of, loaded, small
from support.targets import BOTH, ONNX, TORCHSCRIPT

KINDS = [Kind(target, precision) for target in BOTH for precision in FLOATS]


def assert_told_beforehand(spec: ExportSpec) -> None:
    weights = loaded(spec.weights, spec)
    for size in Sizes(weights.network).artifacts(spec):
        real = sum(map(len, Order(spec, weights, size.kind).in_memory()))
        if size.exact:
            assert size.nbytes == real, size
        else:
            assert math.isclose(size.nbytes, real, rel_tol=0.005), (size, real)


@pytest.mark.one_in(8)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"dynamic": True, "opset": 11, "batch": 3},
        {"half_io": True, "width": 192},
    ],
    ids=["static", "dynamic", "half-io"],
)
def test_every_artifact_of_every_checkpoint(checkpoint: Checkpoint, tmp_path: Path, more: dict[str, int]) -> None:
    formats = BOTH if not more else (ONNX,)
    spec = small(checkpoint.path, tmp_path, height=128, targets=formats, **more)
    assert_told_beforehand(spec)


@pytest.mark.parametrize("width", [0.25, 0.5], ids=["yolov5n", "yolov5s"])
def test_every_artifact_of_weights_of_full_size(tmp_path: Path, width: float) -> None:
    weights = tmp_path / "weights.pt"
    write_yolov5(weights, SampleSpec(width=width))
    assert_told_beforehand(ExportSpec.of(weights, tmp_path, targets=BOTH, precisions=FLOATS))


def test_a_file_that_is_to_be_simplified_is_at_most_so_large(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, simplify=True, height=320)
    weights = loaded(tiny, spec)
    for size in Sizes(weights.network).artifacts(spec):
        assert not size.exact
        assert "onnxsim" in size.note
        assert size.nbytes == sum(map(len, Order(spec, weights, size.kind).in_memory()))


def test_asked_again_at_another_size_the_answer_is_that_of_the_other_size(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path)
    weights = loaded(tiny, spec)
    sizes = Sizes(weights.network)
    for more in ({}, {"height": 1024, "width": 1504}, {"batch": 4096, "dynamic": True}, {"height": 32, "width": 32}):
        spec = small(tiny, tmp_path, **more)
        weights = replace(weights, shape=InputShape(spec.batch, 3, spec.height, spec.width))
        for size in sizes.artifacts(spec):
            assert size.exact
            assert size.nbytes == sum(map(len, Order(spec, weights, size.kind).in_memory()))


def test_the_published_files_are_of_these_sizes(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, simplify=True, targets=BOTH)
    with WeightsSource(tiny) as source:
        sizes = Sizes(source.network).artifacts(spec)
    assert end_of(done(spec)).exit_code == 0
    for size in sizes:
        real = size.path.stat().st_size
        assert math.isclose(size.nbytes, real, rel_tol=0.005)
        assert size.kind.target is TORCHSCRIPT or real <= size.nbytes


def artifact(nbytes: int, path: Path = Path("/out/best.onnx")) -> ArtifactSize:
    return ArtifactSize(KINDS[0], path, nbytes, exact=True)


def test_a_disk_that_is_too_small_is_an_error() -> None:
    finding = disk_finding([artifact(90_000_000), artifact(10_000_000)], 100_000_000)
    assert finding is not None
    assert finding.level is Level.ERROR
    assert finding.message == "the files need 100 MB, 100 MB are free in /out"
    assert "--out" in finding.fix


def test_a_disk_with_room_or_one_that_does_not_tell_is_none() -> None:
    assert disk_finding([artifact(90_000_000)], 100_000_000) is None
    assert disk_finding([artifact(90_000_000)], None) is None
