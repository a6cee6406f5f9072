"""A job from a spec to published artifacts, stage by stage, and every way it can fail."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import onnx
import pytest

from halfpint.core import events as e
from halfpint.core.errors import BadRequest
from halfpint.core.export.halved_file import halve_file
from halfpint.core.options import IF_HELD, IfHeld, VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.processes import process
from halfpint.core.samples.yolov5 import SampleSpec, sample
from halfpint.core.spec import ExportSpec
from halfpint.core.weights.pickled import Record
from halfpint.core.weights.writer import checkpoint_bytes
from support.jobs import assert_listed, done, done_when, done_with, end_of, manifest_of, names, of, small
from support.onnx import answer
from support.targets import BOTH


@pytest.mark.numbers
def test_four_artifacts_and_a_manifest(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, targets=BOTH, dynamic=True)
    events = done(spec)
    assert end_of(events).exit_code == 0
    assert list(names(tmp_path)) == [
        "master-n.fp16.onnx",
        "master-n.fp16.torchscript",
        "master-n.halfpint.json",
        "master-n.onnx",
        "master-n.torchscript",
    ]
    published = of(events, e.ArtifactPublished)
    assert [event.verdict for event in published] == ["pass"] * 4
    for event in published:
        data = Path(event.path).read_bytes()
        assert len(data) == event.nbytes
        assert hashlib.sha256(data).hexdigest() == event.sha256
        assert event.ratio == event.nbytes / tiny.stat().st_size


def test_stages_come_in_order_with_real_progress(tiny: Path, tmp_path: Path) -> None:
    events = done(small(tiny, tmp_path))
    assert isinstance(events[0], e.JobStarted)
    assert [Path(p).name for p in events[0].artifacts] == ["master-n.onnx", "master-n.fp16.onnx"]
    stages = [(event.stage, event.artifact) for event in of(events, e.StageFinished)]
    assert stages == [
        ("read", ""),
        *((stage, name) for name in ("master-n.onnx", "master-n.fp16.onnx") for stage in ("write", "run")),
        *(("verify", name) for name in ("master-n.onnx", "master-n.fp16.onnx")),
        ("publish", ""),
    ]
    steps = [event for event in of(events, e.Progress) if event.stage == "run" and event.artifact == "master-n.onnx"]
    assert [step.done for step in steps] == list(range(1, steps[-1].total + 1))


def test_the_manifest_tells_all(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, batch=2)
    done(spec)
    manifest = manifest_of(spec)
    assert manifest["source"]["sha256"] == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert manifest["source"]["ledger"]["explanation"].startswith("weights in FP16 0.9 MB")
    full, half = manifest["artifacts"]
    assert (full["file"], full["precision"], half["precision"]) == ("master-n.onnx", "fp32", "fp16")
    assert full["contract"]["input"] == {"name": "images", "dtype": "float32", "dims": [2, 3, 96, 64]}
    assert full["contract"]["outputs"] == [{"name": "output0", "dtype": "float32", "dims": [2, 378, 8]}]
    assert full["verification"]["verdict"] == "pass"
    assert {d["component"] for d in full["verification"]["differences"]} == {"boxes", "confidences"}
    assert sum(entry["nbytes"] for entry in full["ledger"]["entries"]) == full["nbytes"]
    assert full["made"]["spec"]["batch"] == 2
    assert {"halfpint", "python", "numpy", "onnx", "onnxruntime"} <= set(full["made"]["versions"])


def test_metadata_is_what_yolov5_s_own_loader_reads(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path)
    done(spec)
    model = onnx.load(spec.path(spec.kinds[1]))
    said = {prop.key: prop.value for prop in model.metadata_props}
    assert said["stride"] == "32"
    assert said["names"] == "{0: 'thing0', 1: 'thing1', 2: 'thing2'}"
    assert (said["precision"], said["input_size"]) == ("fp16", "1×3×96×64")
    assert said["source_sha256"] == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert (model.producer_name, said["family"]) == ("halfpint", "yolov5")


def test_static_by_default_and_fp16_of_half_the_size(sample_n: Path, tmp_path: Path) -> None:
    spec = small(sample_n, tmp_path)
    done(spec)
    full, half = (spec.path(kind) for kind in spec.kinds)
    dims = [d.dim_value for d in onnx.load(full).graph.input[0].type.tensor_type.shape.dim]
    assert dims == [1, 3, 96, 64]
    assert half.stat().st_size <= 0.505 * full.stat().st_size


@pytest.mark.numbers
def test_half_io(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path, targets=BOTH, half_io=True)
    assert end_of(done(spec)).exit_code == 0
    dtypes = [entry["contract"]["input"]["dtype"] for entry in manifest_of(spec)["artifacts"]]
    assert dtypes == ["float32", "float16"] * 2
    (output,) = answer(onnx.load(spec.path(spec.kinds[1])), np.zeros((1, 3, 96, 64)))
    assert output.dtype == np.float16


@pytest.mark.numbers
@pytest.mark.parametrize("precisions", [FLOATS, (FP16,)])
def test_quick_verification(tiny: Path, tmp_path: Path, precisions: tuple[Precision, ...]) -> None:
    spec = small(tiny, tmp_path, precisions=precisions, verify=VerifyMode.QUICK)
    assert end_of(done(spec)).exit_code == 0
    verification = manifest_of(spec)["artifacts"][-1]["verification"]
    assert verification["mode"] == "quick"
    names = {check["name"] for check in verification["checks"]}
    assert names == {"loads", "contract", "weights", "constants", "outputs", "halving", "detections"}
    assert verification["noise_multiple"] is None
    assert [change["verdict"] for change in verification["changes"]] == [None]


def test_onnx_alone_never_imports_torch(tiny: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from support.jobs import done, end_of, small\n"
        "events = done(small(Path(sys.argv[1]), Path(sys.argv[2]), simplify=True))\n"
        "assert end_of(events).exit_code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    tests = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, tiny, tmp_path], check=True, cwd=tests)


# ---- what exists already


def test_what_exists_is_never_overwritten_silently(tiny: Path, tmp_path: Path) -> None:
    spec = small(tiny, tmp_path)
    mine = spec.path(spec.kinds[1])
    mine.write_bytes(b"mine")
    end = end_of(done(spec))
    assert (end.exit_code, mine.read_bytes()) == (2, b"mine")
    assert "exists already" in end.message
    assert "--overwrite" in end.fix
    assert list(names(tmp_path)) == [mine.name]
    assert end_of(done(small(tiny, tmp_path, overwrite=True))).exit_code == 0
    assert mine.read_bytes() != b"mine"


def test_the_manifest_keeps_the_artifacts_of_earlier_jobs_on_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    done(small(tiny, tmp_path, precisions=(FP32,)))
    spec = small(tiny, tmp_path, precisions=(FP16,))
    assert end_of(done(spec)).exit_code == 0
    assert [entry["file"] for entry in manifest_of(spec)["artifacts"]] == ["master-n.onnx", "master-n.fp16.onnx"]


@pytest.mark.parametrize("content", ["{}", "not json", '{"schema": 1, "source": {"sha256": "other"}, "artifacts": []}'])
def test_a_manifest_of_something_else_is_in_the_way(tiny: Path, tmp_path: Path, content: str) -> None:
    spec = small(tiny, tmp_path)
    spec.manifest.write_text(content)
    assert end_of(done(spec)).exit_code == 2
    assert list(names(tmp_path)) == [spec.manifest.name]
    assert spec.manifest.read_text() == content
    assert end_of(done(small(tiny, tmp_path, overwrite=True))).exit_code == 0
    assert len(manifest_of(spec)["artifacts"]) == 2


def test_of_other_weights_the_manifest_tells_the_source(tiny: Path, tmp_path: Path) -> None:
    done(small(tiny, tmp_path, name="best"))
    other = Path(__file__).parents[2] / "fixtures" / "yolov5" / "v6.0-s.pt"
    spec = small(other, tmp_path, name="best", precisions=(FP32,), overwrite=True)
    assert end_of(done(spec)).exit_code == 0
    manifest = manifest_of(spec)
    half, full = manifest["artifacts"]
    assert (half["file"], half["source"]["file"]) == ("best.fp16.onnx", tiny.name)
    assert (full["file"], manifest["source"]["file"]) == ("best.onnx", other.name)
    assert "source" not in full
    assert_listed(tmp_path)


def test_a_file_that_changed_is_listed_no_longer(tiny: Path, tmp_path: Path) -> None:
    done(small(tiny, tmp_path, precisions=(FP32,)))
    (tmp_path / "master-n.onnx").write_bytes(b"mine now")
    spec = small(tiny, tmp_path, precisions=(FP16,))
    events = done(spec)
    assert "master-n.onnx is not the file that was published" in of(events, e.Note)[-1].text
    assert [entry["file"] for entry in manifest_of(spec)["artifacts"]] == ["master-n.fp16.onnx"]
    assert (tmp_path / "master-n.onnx").read_bytes() == b"mine now"


def test_an_artifact_of_another_name_is_not_overwritten(tiny: Path, tmp_path: Path) -> None:
    done(small(tiny, tmp_path, name="best"))
    end = end_of(done(small(tiny, tmp_path, name="best.fp16", precisions=(FP32,), overwrite=True)))
    assert (end.exit_code, end.message) == (2, f"{tmp_path / 'best.fp16.onnx'} is an artifact of best.halfpint.json")
    with pytest.raises(BadRequest, match=r"is an artifact of best\.halfpint\.json"):
        halve_file(tmp_path / "best.onnx", tmp_path / "best.fp16.onnx", (64, 64), overwrite=True)
    assert_listed(tmp_path)


def test_a_job_waits_for_another_of_its_name(tiny: Path, tmp_path: Path) -> None:
    second, waits = ThreadPoolExecutor(1), Event()
    notes: list[str] = []

    def heard(event: e.Event) -> None:
        if isinstance(event, e.Note):
            notes.append(event.text)
            waits.set()

    def begin() -> Future[list[e.Event]]:
        begun.append(second.submit(done_with, small(tiny, tmp_path, precisions=(FP16,)), heard))
        assert waits.wait(60)
        return begun[0]

    begun: list[Future[list[e.Event]]] = []
    first = done_when(small(tiny, tmp_path, precisions=(FP32,)), "read", begin)
    assert re.fullmatch(
        rf"waits for another job that makes files of this name \(process {os.getpid()}, since [\d-]+ [\d:]+\)",
        notes[0],
    )
    assert end_of(first).exit_code == 0
    assert end_of(begun[0].result()).exit_code == 0
    assert_listed(tmp_path)


def test_a_job_that_is_not_to_wait_tells_who_has_the_name(tiny: Path, tmp_path: Path) -> None:
    ends: list[e.JobFinished] = []

    def again() -> None:
        ends.append(end_of(done(small(tiny, tmp_path, if_held=IfHeld.REFUSE))))

    first = small(tiny, tmp_path, height=32, width=32, precisions=(FP32,), verify=VerifyMode.QUICK)
    assert end_of(done_when(first, "read", again)).exit_code == 0
    assert ends[0].exit_code == 2
    assert f"another job makes files of this name (process {os.getpid()}, since" in ends[0].message
    assert ends[0].fix.startswith("wait for it")


def test_of_a_job_that_died_the_name_is_taken_over(tiny: Path, tmp_path: Path) -> None:
    """Also by a job that is not to wait: nobody has it any more."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dead = process(child.pid)
    child.communicate(b"\n")
    spec = small(tiny, tmp_path, height=32, width=32, precisions=(FP32,), verify=VerifyMode.QUICK)
    left = {"job": "1", "pid": dead.pid, "host": dead.host, "since": "2026-01-01T00:00:00", "birth": dead.birth}
    (tmp_path / f".{spec.root}.halfpint.lock").write_text(f"{json.dumps(left)}\n")
    assert end_of(done(spec.having(IF_HELD, IfHeld.REFUSE))).exit_code == 0
    assert_listed(tmp_path)


def test_a_job_that_would_wait_in_vain_does_not(tiny: Path, tmp_path: Path) -> None:
    ends: list[e.JobFinished] = []

    def again() -> None:
        (tmp_path / "best.fp16.onnx").touch()
        ends.append(end_of(done(small(tiny, tmp_path, name="best"))))

    done_when(small(tiny, tmp_path, name="best"), "read", again)
    assert "exists already" in ends[0].message


def test_a_name_that_is_taken_meanwhile_fails_that_artifact_alone(tiny: Path, tmp_path: Path) -> None:
    events = done_when(small(tiny, tmp_path), "run", lambda: (tmp_path / "master-n.onnx").write_bytes(b"mine"))
    assert end_of(events).exit_code == 1
    assert [Path(event.path).name for event in of(events, e.ArtifactFailed)] == ["master-n.onnx"]
    assert (tmp_path / "master-n.onnx").read_bytes() == b"mine"
    assert list(names(tmp_path)) == ["master-n.fp16.onnx", "master-n.halfpint.json", "master-n.onnx"]


def test_a_folder_that_is_removed_meanwhile_is_told(tiny: Path, tmp_path: Path) -> None:
    for stage in ("read", "write", "run", "verify"):
        spec = small(tiny, tmp_path / stage)
        events = done_when(spec, stage, partial(shutil.rmtree, spec.out))
        told = " ".join([end_of(events).message, *(failed.reason for failed in of(events, e.ArtifactFailed))])
        assert end_of(events).exit_code == 1
        assert "somebody removed" in told
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# ---- what cannot be


def test_an_illegal_size_names_the_nearest_legal_ones(tiny: Path, tmp_path: Path) -> None:
    end = end_of(done(small(tiny, tmp_path, height=800, width=600)))
    assert end.exit_code == 2
    assert end.message == "800×600: 600 is no multiple of the stride 32"
    assert end.fix == "the nearest are 800×576 and 800×608"
    assert list(names(tmp_path)) == []


def test_the_stride_is_the_checkpoint_s(tmp_path: Path) -> None:
    p6 = Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n6.pt"
    assert "stride 64" in end_of(done(small(p6, tmp_path, height=96, width=128))).message
    assert end_of(done(small(p6, tmp_path, height=64, width=128))).exit_code == 0


def test_an_unusual_ratio_is_a_warning_not_an_obstacle(tiny: Path, tmp_path: Path) -> None:
    events = done(small(tiny, tmp_path, height=32, width=160))
    assert end_of(events).exit_code == 0
    assert any("ratio is 5.0:1" in note.text for note in of(events, e.Note))


@pytest.mark.parametrize(
    "wrong", [{"height": -640}, {"height": 0}, {"width": 10**9}, {"batch": 0}, {"batch": -1}, {"batch": 10**9}]
)
def test_sizes_that_are_none(tiny: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert end_of(done(small(tiny, tmp_path, **wrong))).exit_code == 2


def test_weights_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").touch()
    for path in (tmp_path / "none.pt", tmp_path, tmp_path / "empty.pt"):
        assert end_of(done(small(path, tmp_path / "out"))).exit_code == 3
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to(tiny: Path) -> None:
    end = end_of(done(small(tiny, Path("/proc/halfpint"))))
    assert end.exit_code == 2
    assert "--out" in end.fix


def broken(folder: Path, factor: float) -> Path:
    """A checkpoint whose first batch norm scales by `factor`."""
    made = sample(SampleSpec(width=0.125, names=("a",)))
    norm = made.norms["model.0.conv"]
    norm.weight[:] = np.float16(factor)
    path = folder / "broken.pt"
    path.write_bytes(checkpoint_bytes(made.root))
    return path


def test_a_failed_verification_is_a_failed_job_and_the_others_go_on(tmp_path: Path) -> None:
    spec = small(broken(tmp_path, 6e4), tmp_path / "out")
    events = done(spec)
    assert end_of(events).exit_code == 1
    (failed,) = of(events, e.ArtifactFailed)
    assert Path(failed.path).name == "broken.fp16.onnx"
    assert "float16" in failed.reason
    assert list(names(tmp_path / "out")) == ["broken.halfpint.json", "broken.onnx"]
    assert [entry["precision"] for entry in manifest_of(spec)["artifacts"]] == ["fp32"]


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    end = end_of(done(small(broken(tmp_path, np.nan), tmp_path / "out")))
    assert end.exit_code == 3
    assert "NaN" in end.message


def test_an_interrupted_job_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    def interrupt() -> None:
        assert list(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done_when(small(tiny, tmp_path), "verify", interrupt)
    assert list(names(tmp_path)) == []


# ---- simplify


@pytest.mark.numbers
@pytest.mark.parametrize("simplify", [False, True], ids=["as written", "simplified"])
def test_a_file_for_one_size_has_no_shape_arithmetic(tiny: Path, tmp_path: Path, simplify: bool) -> None:
    spec = small(tiny, tmp_path, simplify=simplify, height=256, width=192)
    assert end_of(done(spec)).exit_code == 0
    for kind, entry in zip(spec.kinds, manifest_of(spec)["artifacts"], strict=True):
        graph = onnx.load(spec.path(kind)).graph
        assert not {"Shape", "Gather", "Range", "Mod"} & {node.op_type for node in graph.node}
        assert entry["verification"]["verdict"] == "pass"
        assert "constants" in [check["name"] for check in entry["verification"]["checks"]]


def test_checkpoints_without_shared_names_do_not_collide(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "best.pt"
    other.parent.mkdir()
    shutil.copy(tiny, other)
    spec = ExportSpec.of(other, tmp_path, 96, 64, name="{stem}-{height}x{width}")
    assert end_of(done(spec)).exit_code == 0
    assert json.loads((tmp_path / "best-96x64.halfpint.json").read_text())["source"]["file"] == "best.pt"


def test_a_record_that_is_no_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.pt"
    path.write_bytes(checkpoint_bytes({"model": Record("models.yolo.DetectionModel", (), {"names": []})}))
    assert end_of(done(small(path, tmp_path / "out"))).exit_code == 3
