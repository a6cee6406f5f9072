"""OpenVINO: an IR of two files is made, sized, verified and published as one artifact, and opened with care."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from halfpint.core.errors import ArtifactRefused, JobFailed
from halfpint.core.events import ArtifactPublished
from halfpint.core.precisions import FLOATS, FP16, FP32, INT8
from halfpint.core.precisions.dtype import FLOAT32
from halfpint.core.shapes import InputShape
from halfpint.core.sizes import Sizes
from halfpint.core.spec import ExportSpec
from halfpint.core.targets import named
from halfpint.core.targets.budget import Answer, Budget, Examples, Loss
from halfpint.core.targets.loaded import Runner
from halfpint.core.targets.openvino.untrusted import checked_openvino
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.target import Build, Files
from halfpint.core.weights_source import WeightsSource
from support.checkpoints import Checkpoint
from support.command import halfpint
from support.jobs import done, end_of, manifest_of, names, of, small
from support.targets import ONNX

pytest.importorskip("openvino")

OPENVINO = named("openvino")
PROVENANCE = Provenance("weights.pt", "0" * 64)


def job(weights: Path, folder: Path, **more: object) -> ExportSpec:
    return small(weights, folder, targets=(OPENVINO,), height=128, width=64, **more)


def files(weights: Path, *, dynamic: bool = False) -> Files:
    """The files of a network, written as a job writes them."""
    with WeightsSource(weights) as source:
        for _ in source.load():
            pass
        build = Build(FP16, InputShape(1, source.network.channels, 128, 64), FLOAT32, dynamic)
        written = [BytesIO() for _ in OPENVINO.suffixes]
        OPENVINO.write(source.network, build, PROVENANCE, written)
        return tuple(file.getvalue() for file in written)


# ---- jobs


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_every_network_is_right_in_its_runtime(
    checkpoint: Checkpoint, dynamic: bool, tmp_path: Path, exhaustive: bool
) -> None:
    if dynamic and not exhaustive and checkpoint.name not in ("master-n-seg", "resnet18"):
        pytest.skip("--exhaustive tries all with dynamic axes")
    spec = job(checkpoint.path, tmp_path, precisions=FLOATS, dynamic=dynamic)
    with WeightsSource(checkpoint.path) as source:
        sizes = {size.path.name: size.nbytes for size in Sizes(source.network).artifacts(spec)}
    events = done(spec)
    assert end_of(events).exit_code == 0, end_of(events)
    published = of(events, ArtifactPublished)
    assert len(published) == 2
    for artifact in published:
        # The weights of a fixture are few, so that its .xml is a large part of it.
        assert sizes[Path(artifact.path).name] == pytest.approx(artifact.nbytes, rel=0.02, abs=20_000)
    assert_all_listed(spec)


def assert_all_listed(spec: ExportSpec) -> None:
    """The folder holds the files that the manifest lists, and no others."""
    listed = [file["file"] for entry in manifest_of(spec)["artifacts"] for file in entry["files"]]
    assert sorted([*listed, spec.manifest.name]) == list(names(spec.out))


def test_both_files_are_published_or_none(tiny: Path, tmp_path: Path) -> None:
    spec = job(tiny, tmp_path, precisions=(FP32,))
    beside = tmp_path / "master-n.bin"
    beside.write_bytes(b"mine")
    refused = end_of(done(spec))
    assert refused.exit_code == 2 and "master-n.bin exists already" in refused.message
    assert list(names(tmp_path)) == ["master-n.bin"] and beside.read_bytes() == b"mine"
    assert end_of(done(job(tiny, tmp_path, precisions=(FP32,), overwrite=True))).exit_code == 0
    assert list(names(tmp_path)) == ["master-n.bin", "master-n.halfpint.json", "master-n.xml"]


def test_beside_other_targets(tiny: Path, tmp_path: Path) -> None:
    first = small(tiny, tmp_path, targets=(ONNX,), precisions=(FP32,))
    assert end_of(done(first)).exit_code == 0
    assert end_of(done(job(tiny, tmp_path, precisions=(FP16,), overwrite=True))).exit_code == 0
    assert [entry["file"] for entry in manifest_of(first)["artifacts"]] == ["master-n.onnx", "master-n.fp16.xml"]


def test_the_files_are_the_same_every_time(tiny: Path) -> None:
    assert files(tiny) == files(tiny)


def test_fp16_is_half(trained: Path, tmp_path: Path) -> None:
    events = done(job(trained, tmp_path, precisions=FLOATS))
    full, half = (artifact.nbytes for artifact in of(events, ArtifactPublished))
    assert half < 0.55 * full


def test_eight_bits_are_judged_as_openvino_runs_them(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is that of the ONNX target, its stored numbers too; each try is held to the budget in OpenVINO."""
    # Weights of 7 bits, for OpenVINO may be told to do without this CPU's VNNI: then 8 bits saturate.
    monkeypatch.setattr("halfpint.core.targets.onnx.int8.write.cpu_flags", lambda: frozenset[str]())
    random, tried = np.random.default_rng(0), list[str]()
    images = [random.random((1, 3, 128, 64), np.float32) for _ in range(4)]

    def loss(file: Runner) -> Loss:
        tried.append(type(file).__name__)
        return Loss.of(2.0 if len(tried) == 1 else 1.0)

    def divergence(answer: Answer, exact: Answer) -> float:
        return sum(float(np.square(x - y).sum()) for x, y in zip(answer, exact, strict=True))

    examples = Examples(lambda: iter(images), Budget(1.0, loss, divergence))
    with WeightsSource(tiny) as source:
        for _ in source.load():
            pass
        network = source.network
        builds = [Build(each, InputShape(1, 3, 128, 64), FLOAT32, dynamic=False) for each in (FP32, INT8)]
        written = [BytesIO() for _ in OPENVINO.suffixes]
        trade = OPENVINO.write_on_images(network, builds[1], PROVENANCE, written, examples)
        made = tuple(file.getvalue() for file in written)
        full = OPENVINO.in_memory(network, builds[0], PROVENANCE)
        said = OPENVINO.sizer(network).size(builds[1], PROVENANCE)
    assert tried == ["LoadedOpenVino"] * 2
    assert trade.nbytes == sum(map(len, made)) and trade.latency is not None
    assert trade.full_nbytes == pytest.approx(sum(map(len, full)), abs=64)  # their precisions have other names
    assert len(made[1]) < 0.4 * len(full[1])
    assert said.nbytes == pytest.approx(trade.nbytes, rel=0.1)
    checked_openvino(made)
    opened = [OPENVINO.open(each, "cpu") for each in (full, made)]
    assert [each.precision for each in opened] == [FP32, INT8]
    (wanted, *_), (got, *_) = (each.run(images[0]) for each in opened)
    assert 0 < np.square(got - wanted).mean() < 0.5 * wanted.var()  # what has nothing to do with it is off by 2 ×


def test_quickly_verified(tiny: Path, tmp_path: Path) -> None:
    result = halfpint("export", "--weights", tiny, "--out", tmp_path, "--include", "openvino", "--half", "--imgsz", 96,
                      "--verify", "quick")  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_what_it_computes_in_by_default_is_told(tiny: Path, tmp_path: Path) -> None:
    spec = job(tiny, tmp_path, precisions=(FP32,))
    assert end_of(done(spec)).exit_code == 0
    (entry,) = manifest_of(spec)["artifacts"]
    (told,) = (check["message"] for check in entry["verification"]["checks"] if check["name"] == "default")
    assert re.match(
        r"OpenVINO computes in f32 on this processor|OpenVINO's default on this processor is (bf|f)16", told
    )


def test_without_openvino_it_is_told_how_to_get_it(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for module in ("file", "runtime"):
        monkeypatch.delitem(sys.modules, f"halfpint.core.targets.openvino.{module}", raising=False)
    with pytest.raises(JobFailed, match="cannot be imported") as caught:
        files(tiny)
    assert caught.value.fix == "pip install 'halfpint[openvino]'"


def test_nothing_is_written_for_telemetry(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    out = tmp_path / "out"
    result = halfpint("export", "--weights", tiny, "--out", out, "--include", "openvino", "--imgsz", 96,
                      env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)})  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert not list(home.iterdir())


def test_a_job_for_it_does_not_begin_without_it(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(OPENVINO), "modules", ("onnx", "no_such_module"))
    end = end_of(done(small(tiny, tmp_path, targets=(ONNX, OPENVINO))))
    assert (end.exit_code, end.fix) == (2, "pip install 'halfpint[openvino]'")
    assert end.message == "OpenVINO files need onnx and no_such_module, which is not installed"
    assert not list(tmp_path.iterdir())


# ---- files that are there already


@pytest.fixture
def published(trained: Path, tmp_path: Path) -> Path:
    """The `.xml` of a published artifact, whose manifest is gone."""
    spec = job(trained, tmp_path, precisions=(FP16,))
    assert end_of(done(spec)).exit_code == 0
    spec.manifest.unlink()
    return spec.path(spec.kinds[0])


def swapped(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def weight_changed(xml: Path) -> None:
    data = bytearray(xml.with_suffix(".bin").read_bytes())
    data[2001] ^= 0x04
    xml.with_suffix(".bin").write_bytes(data)


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "a weight": (weight_changed, "weights"),
    "a padding": (lambda xml: swapped(xml, 'begin="1, 1" pads_end="1, 1"', 'begin="0, 0" pads_end="2, 2"'), "accuracy"),
    "an output's name": (lambda xml: swapped(xml, 'output_names="output0"', 'output_names="out"'), "contract"),
}  # fmt: skip


def test_a_finished_file_is_verified(published: Path, trained: Path) -> None:
    result = halfpint("verify", published, "--against", trained)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "openvino loads" in result.stdout


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_fails(wrong: str, published: Path, trained: Path) -> None:
    change, check = WRONG[wrong]
    change(published)
    result = halfpint("verify", published, "--against", trained)
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(rf"FAIL +{check}", result.stdout), result.stdout


def test_without_its_bin_it_is_refused(published: Path, trained: Path) -> None:
    published.with_suffix(".bin").unlink()
    result = halfpint("verify", published, "--against", trained)
    assert result.returncode == 3
    assert "it needs its .bin beside it" in result.stderr


def test_only_onnx_files_are_halved(published: Path) -> None:
    result = halfpint("halve", published, "--out", published.with_name("half.onnx"))
    assert result.returncode == 3
    assert "only ONNX files are changed" in result.stderr


# ---- files that mean harm

LAYER = '<layer id="0" name="a" type="{type}" version="{version}"/>'
REFUSED = {
    "a network in a layer": (LAYER.format(type="TensorIterator", version="opset1"), "the type TensorIterator"),
    "a loop": (LAYER.format(type="Loop", version="opset5"), "the type Loop"),
    "a state": (LAYER.format(type="ReadValue", version="opset6"), "the type ReadValue"),
    "a library's layer": (LAYER.format(type="Add", version="extension"), "of extension, no operator set"),
    "controls": (LAYER.format(type="&#x202e;Add", version="opset1"), "the type "),
    "beyond the end": (f"{LAYER.format(type='Const', version='opset1')}<data offset='8' size='9'/>", "beyond the end"),
    "before the start": (f"{LAYER.format(type='Const', version='opset1')}<data offset='-8' size='9'/>", "beyond"),
    "nothing": ("", "no OpenVINO model"),
    "deep": ("<a>" * 10_000, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_opened(kind: str) -> None:
    inner, told = REFUSED[kind]
    with pytest.raises(ArtifactRefused, match=re.escape(told)):
        checked_openvino((f"<?xml version='1.0'?><net>{inner}</net>".encode(), bytes(16)))


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        (b"<?xml version='1.0'?><!DOCTYPE net [<!ENTITY a 'b'>]><net>&a;</net>", "declares a document type"),
        (b"<?xml version='1.0'?><html/>", "no OpenVINO model"),
        (b"<?xml version='1.0'?><net>", "no OpenVINO model"),
        (b"<?xml \xff", "no OpenVINO model"),
    ],
)
def test_what_is_no_model(xml: bytes, told: str) -> None:
    with pytest.raises(ArtifactRefused, match=told):
        checked_openvino((xml, b""))


@pytest.mark.one_in(3)
def test_what_is_made_here_comes_through(checkpoint: Checkpoint) -> None:
    for dynamic in (False, True):
        made = files(checkpoint.path, dynamic=dynamic)
        assert checked_openvino(made) == made
