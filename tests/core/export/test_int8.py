"""INT8 exports: within the budget on the images they were made on and on others, a quarter of the size, and honest."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, quantize_static

from halfpint.core.errors import BadRequest
from halfpint.core.events import ArtifactFailed, ArtifactPublished
from halfpint.core.families import identify, open_weights
from halfpint.core.foreign.against import Images, verify_file
from halfpint.core.images.source import open_images
from halfpint.core.precisions import FP32, INT8
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.spec import ExportSpec
from halfpint.core.targets.onnx.int8.forms import Form
from halfpint.core.targets.onnx.int8.gather import gather
from halfpint.core.targets.onnx.int8.layers import layers_of
from halfpint.core.targets.onnx.int8.qdq import Quantiser
from halfpint.core.targets.onnx.int8.ranges import candidates
from halfpint.core.targets.onnx.int8.scheme import Machine, scheme_for
from halfpint.core.targets.onnx.int8.sensitivity import tensors_of
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.options import REPORT
from halfpint.core.verify.evidence import Verdict
from support.jobs import done, end_of, manifest_of, of
from support.proof import file_of, seen
from support.shapes import SHAPES, picture_folder
from support.targets import ONNX, TORCHSCRIPT

Array = NDArray[Any]
SIZE = (320, 320)
MOST = 0.3  # points
TRAINED = Path(__file__).parents[2] / "fixtures" / "yolov5" / "shapes-n.pt"


@dataclass(frozen=True)
class Halves:
    """The 16 pictures with their labels, every second one in a folder of its own, and what FP32 finds in each half."""

    folders: tuple[Path, Path]
    found: tuple[Yardstick, Yardstick]
    full: bytes


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Halves]:
    every = picture_folder(tmp_path_factory.mktemp("shapes"), labels=True)
    folders = list[Path]()
    for start in (0, 1):
        folder = tmp_path_factory.mktemp("half")
        for kind in ("images", "labels"):
            (folder / kind).mkdir()
            for path in sorted((every.parent / kind).iterdir())[start::2]:
                (folder / kind / path.name).write_bytes(path.read_bytes())
        folders.append(folder / "images")
    with open_weights(TRAINED) as archive:
        network = identify(archive).network()
        found = [seen(network, open_images(folder), SIZE) for folder in folders]
        yield Halves((folders[0], folders[1]), (found[0], found[1]), file_of(network, SIZE)[0])


def job(out: Path, data: Path | str, **more: Any) -> ExportSpec:
    asked = {"height": 320, "width": 320, "targets": (ONNX,), "precisions": (INT8,), "max_loss": MOST, **more}
    return ExportSpec.of(TRAINED, out, data=str(data), **asked)


class Reader(CalibrationDataReader):
    """The images as onnxruntime's own calibration reads them."""

    def __init__(self, by: Yardstick) -> None:
        self._images = (image.pixels for image in by.images.stream(by.preparation))

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._images, None)
        return None if image is None else {"images": image}


# ---- a trained detector, made on one half of the images and judged on the other too


def test_it_keeps_the_budget_also_on_images_that_it_was_not_made_on(
    halves: Halves, tmp_path: Path, exhaustive: bool
) -> None:
    if not exhaustive:
        pytest.skip("--exhaustive makes INT8 of a detector at 320×320, which takes a minute")
    """All 16 pictures are given: the job itself makes the file on every second one."""
    spec = job(tmp_path, SHAPES, int8_report=str(tmp_path / "report.csv"))
    events = done(spec)
    assert end_of(events).exit_code == 0, end_of(events)
    path = tmp_path / "shapes-n.int8.onnx"
    assert path.stat().st_size <= 0.30 * len(halves.full)
    # What onnxruntime's defaults make of the same file and the same images.
    (tmp_path / "full.onnx").write_bytes(halves.full)
    quantize_static(tmp_path / "full.onnx", tmp_path / "theirs.onnx", Reader(halves.found[0]))
    for by in halves.found:
        ours, theirs = (
            prove(LoadedOnnx((tmp_path / name).read_bytes()), by, MOST) for name in (path.name, "theirs.onnx")
        )
        assert ours.loss is not None and theirs.loss is not None
        assert theirs.kept == 0 and theirs.loss.points > 10
        assert ours.expected - ours.kept <= 1  # what a processor rounds otherwise may lie at the threshold
    # The trade is told wherever the job is.
    (published,) = of(events, ArtifactPublished)
    (listed,) = manifest_of(spec)["artifacts"]
    trade = listed["trade"]
    assert trade["nbytes"] == path.stat().st_size
    assert max(trade["loss"][each] for each in ("points", "expected", "expected_aside")) <= MOST
    assert (trade["made_on"], trade["aside"]) == (8, 8)
    assert trade["latency"]["median"] > 0 and trade["full_latency"]["p95"] > 0
    assert any(" ms an image" in line for line in published.trade)
    with (tmp_path / "report.csv").open() as report:
        assert [row["layer"] for row in csv.DictReader(report)] == [kept["layer"] for kept in trade["layers"]]
    # Others see it is INT8, and only images judge it.
    assert verify_file(path, TRAINED).verdict is Verdict.WARN
    report = verify_file(path, TRAINED, images=Images(SHAPES, 128, MOST))
    assert report.verdict is Verdict.PASS and report.proof is not None


# ---- planted faults


def test_a_decoding_in_eight_bits_finds_nothing(halves: Halves, tmp_path: Path) -> None:
    """What `quantize_static` does unless it is told otherwise."""
    (tmp_path / "full.onnx").write_bytes(halves.full)
    quantize_static(tmp_path / "full.onnx", tmp_path / "int8.onnx", Reader(halves.found[0]))
    for by in halves.found:
        proof = prove(LoadedOnnx((tmp_path / "int8.onnx").read_bytes()), by, MOST)
        assert (proof.verdict, proof.kept) == (Verdict.FAIL, 0)


def test_ranges_from_noise_fail(halves: Halves) -> None:
    """The same file, but for its ranges, is nearly right."""
    model, scheme = onnx.load_from_string(halves.full), scheme_for(Machine.CPU, frozenset(["avx512_vnni"]))
    layers, by = layers_of(model), halves.found[0]
    random = np.random.default_rng(0)
    noise = random.uniform(0, 1, (4, 1, 3, *SIZE)).astype(np.float32)
    own = [image.pixels for image in by.images.stream(by.preparation)]
    lost = list[float]()
    for images in (noise, own):
        histograms = gather(model, tensors_of(layers), lambda images=images: iter(images)).histograms
        ranges = {name: candidates(found, scheme)["min-max"] for name, found in histograms.items()}
        made = Quantiser(model, layers, scheme).model({layer.name: Form.INT8 for layer in layers}, ranges)
        proof = prove(LoadedOnnx(made.SerializeToString()), by, MOST)
        assert proof.loss is not None
        lost.append(proof.loss.points)
    assert lost[0] > 10 * max(lost[1], MOST)


# ---- what cannot be is told


def test_without_images_it_is_refused() -> None:
    with pytest.raises(BadRequest, match="needs images of yours") as refused:
        job(Path("/out"), "")
    assert "--data" in refused.value.fix


def test_the_report_lies_where_the_user_is_and_not_where_the_job_runs() -> None:
    assert job(Path("/out"), "/images", int8_report="r.csv").recipe[REPORT] == str(Path.cwd() / "r.csv")


def test_what_has_no_eight_bits_is_refused() -> None:
    with pytest.raises(BadRequest, match="no TorchScript file in INT8"):
        job(Path("/out"), "/images", targets=(TORCHSCRIPT,))


@pytest.mark.parametrize(("more", "told"), [({"opset": 12}, "opset 13"), ({"nms": True}, "neither suppress nor rank")])
def test_options_that_it_does_not_go_with_fail_that_file_alone(
    halves: Halves, tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    events = done(job(tmp_path, halves.folders[0], precisions=(FP32, INT8), **more))
    (failed,) = of(events, ArtifactFailed)
    assert failed.path.endswith(".int8.onnx") and told in failed.reason
    assert len(of(events, ArtifactPublished)) == 1
