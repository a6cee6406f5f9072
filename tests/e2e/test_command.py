"""The installed command, as a person uses it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from halfpint.core.kinds import all_kinds
from halfpint.core.version import VERSION
from support.command import HALFPINT, export, halfpint
from support.jobs import names
from support.zips import pickled

FIXTURES = Path(__file__).parents[1] / "fixtures" / "yolov5"


def test_version_and_help() -> None:
    assert halfpint("--version").stdout == f"halfpint {VERSION}\n"
    assert "export" in halfpint("--help").stdout
    help = halfpint("export", "--help").stdout
    assert help.startswith("usage: halfpint export [-h] (--weights W")
    assert "--imgsz" in help


@pytest.mark.numbers
def test_export(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--include", "onnx", "torchscript", "--precision", "fp32", "fp16", "--dynamic")
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.iterdir())) == 5
    for line in (
        r"master-n\.fp16\.onnx +0\.9 MB +0\.8\d +PASS +[\d.]+ × noise\n",
        r"\nmaster-n\.onnx\n  found    .*[\d.]+ × the rounding noise\n",
        r"  bytes    weights 0\.9 MB in FP16 → 1\.8 MB in FP32; graph and metadata",
        r"manifest: .*master-n\.halfpint\.json",
        r"memory: \d+\.\d MiB at the peak; predicted: about \d+ MiB, ±20 %",
        r"done in \d",
    ):
        assert re.search(line, result.stdout), result.stdout
    assert result.stderr == ""


def test_json_prints_events_and_nothing_else(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["event"] == "job-started"
    assert events[-1] == {**events[-1], "event": "job-finished", "exit_code": 0}


def test_several_weights_and_one_of_them_bad(tiny: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"no checkpoint")
    out = tmp_path / "out"
    result = halfpint("export", "--weights", bad, FIXTURES / "v2.0-s.pt", tiny, "--out", out, "--img", 64)
    assert result.returncode == 3
    assert "bad.pt is no torch checkpoint" in result.stderr
    assert [n for n in names(out) if n.endswith(".onnx")] == ["master-n.onnx", "v2.0-s.onnx"]


def test_files_go_beside_the_weights_unless_told_otherwise(tiny: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copy(tiny, tmp_path / "best.pt"))
    result = halfpint("export", "--weights", weights.name, "--img-size", 64, "--half", cwd=tmp_path)
    assert result.returncode == 0
    assert list(names(tmp_path)) == ["best.fp16.onnx", "best.halfpint.json", "best.pt"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--imgsz", "800", "600"], "600 is no multiple of the stride 32\n  the nearest are 800×576 and 800×608"),
        (["--imgsz", "819"], "the nearest are 800×800 and 832×832"),
        (["--imgsz", "-640", "640"], "-640 px is no size"),
        (["--imgsz", "64", "64", "64"], "--imgsz takes height and width, 3 values are given"),
        (["--imgsz", "big"], "invalid int value"),
        (["--batch", "0"], "the batch is 0"),
        (["--include", "caffe"], "'caffe' is not known"),
        (["--include", "saved_model"], "saved_model (TensorFlow) is not a target of Halfpint"),
        (["--include", "engine"], "TensorRT"),
        (["--keras"], "--keras is for TensorFlow, which is not a target of Halfpint"),
        (["--topk-all", "5"], "TensorFlow.js, which is not a target of Halfpint"),
        (["--precision", "fp8"], "fp8"),
        (["--half", "--precision", "fp32"], "contradict each other"),
        (["--opset", "5"], "opset 5 is not possible"),
        (["--device", "gpu"], "the device 'gpu' is not known"),
        (["--name", "{nope}"], "uses unknown fields"),
        (["--unheard"], "unrecognized arguments: --unheard"),
        (["--round", "off"], "see halfpint export --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_requests_end_with_2_and_say_why(tiny: Path, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    result = halfpint("export", "--weights", tiny, "--out", tmp_path, *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert list(names(tmp_path)) == []


def test_yolov5_flags_that_change_nothing_are_accepted_with_a_note(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--inplace", "--device", "cpu")
    assert result.returncode == 0
    assert "--inplace changes nothing here" in result.stderr


def test_two_weights_that_would_become_the_same_file(tiny: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(tiny, tmp_path / folder / "best.pt")
    weights = (tmp_path / "a" / "best.pt", tmp_path / "b" / "best.pt")
    result = halfpint("export", "--weights", *weights, "--out", tmp_path / "out", "--img", 64)
    assert result.returncode == 2
    assert "would both become best" in result.stderr


def test_hostile_weights_end_with_3_and_are_not_run(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    command = f"touch {sentinel}".encode()
    for name in (b"os\nsystem", b"builtins\neval"):
        weights = tmp_path / "hostile.pt"
        weights.write_bytes(pickled(b"c" + name + b"\n(X" + len(command).to_bytes(4, "little") + command + b"tR"))
        for result in (halfpint("inspect", weights), export(weights, tmp_path / "out")):
            assert result.returncode == 3
            assert name.replace(b"\n", b".").decode() in result.stderr
    assert not sentinel.exists()


def test_inspect(tiny: Path) -> None:
    text = halfpint("inspect", FIXTURES / "master-n-training.pt").stdout
    assert "training checkpoint, the ema counts" in text
    assert "447,544" in text
    facts = json.loads(halfpint("inspect", tiny, "--json").stdout)
    assert (facts["family"], facts["stride"], facts["parameters"]) == ("yolov5", 32, 447_544)
    assert facts["dtypes"]["float16"] == 904_634
    assert sum(part["nbytes"] for part in facts["parts"]) == facts["nbytes"] == tiny.stat().st_size
    assert facts["names"] == {"0": "thing0", "1": "thing1", "2": "thing2"}


@pytest.mark.numbers
def test_verify(tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path, "--include", "onnx", "torchscript", "--half")
    for name in ("master-n.fp16.onnx", "master-n.fp16.torchscript"):
        result = halfpint("verify", tmp_path / name, "--against", tiny)
        assert result.returncode == 0, result.stdout + result.stderr
        assert result.stdout.startswith(f"{name} against master-n.pt: PASS")
    artifact = tmp_path / "master-n.fp16.onnx"
    assert json.loads(halfpint("verify", artifact, "--against", tiny, "--json").stdout)["verdict"] == "pass"
    other = halfpint("verify", artifact, "--against", FIXTURES / "v6.0-s.pt")
    assert "the file says it was made from other weights" in other.stdout


def test_verify_catches_a_file_that_changed(tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path)
    artifact = tmp_path / "master-n.onnx"
    data = bytearray(artifact.read_bytes())
    data[len(data) // 2] ^= 1  # somewhere in the weights: it still loads
    artifact.write_bytes(data)
    result = halfpint("verify", artifact, "--against", tiny)
    assert result.returncode == 1
    assert re.search(r"FAIL +sha256 +the file changed since master-n.halfpint.json was written", result.stdout)
    assert re.search(r"FAIL +weights", result.stdout)


def test_verify_of_what_is_not_there(tiny: Path, tmp_path: Path) -> None:
    assert halfpint("verify", tmp_path / "none.onnx", "--against", tiny).returncode == 2
    (tmp_path / "odd.onnx").write_bytes(b"odd")
    result = halfpint("verify", tmp_path / "odd.onnx", "--against", tiny)
    assert result.returncode == 3
    assert "odd.onnx: it is no ONNX model" in result.stderr


def test_demo(tmp_path: Path) -> None:
    result = halfpint("demo", tmp_path / "demo", "--headless")
    assert result.returncode == 0, result.stderr
    kinds = [kind for kind in all_kinds() if kind.target.installed and not kind.precision.needs_images]
    for name in ("untrained-yolov5n", "untrained-dbnet-resnet18"):
        assert len(re.findall(rf"{name}\S* +\d\S+ MB +\S+ +PASS", result.stdout)) == len(kinds), result.stdout
    assert "untrained" in (tmp_path / "demo" / "README.txt").read_text()
    # Again, over what is there: nothing is in the way of the first job.
    command = [str(HALFPINT), "demo", str(tmp_path / "demo"), "--headless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as again:
        assert again.stdout is not None
        assert any(re.match(r" +write +untrained-yolov5n\.onnx", line) for line in again.stdout)
        again.send_signal(signal.SIGINT)
    assert again.returncode == 130


def test_ctrl_c_ends_with_130_and_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    command = [HALFPINT, "export", "--weights", tiny, "--out", tmp_path, "--include", "onnx", "torchscript", "--json"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if '"stage": "run"' in line:
            process.send_signal(signal.SIGINT)
            break
    _, complaint = process.communicate()
    assert process.returncode == 130
    assert "cancelled; nothing half-written is left" in complaint
    assert list(names(tmp_path)) == []


def test_a_pipe_that_closes_is_no_traceback(tiny: Path) -> None:
    result = subprocess.run(
        f"'{HALFPINT}' inspect '{tiny}' | true", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"TERM": "dumb"}])
def test_terminals_that_can_show_little(tiny: Path, tmp_path: Path, variables: dict[str, str]) -> None:
    result = halfpint("export", "--weights", tiny, "--out", tmp_path, "--img", 64, env={**os.environ, **variables})
    assert result.returncode == 0, result.stderr
    assert "1x64x64" in result.stdout if "PYTHONIOENCODING" in variables else "1×64×64" in result.stdout


def test_on_a_terminal_progress_is_live(tiny: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [HALFPINT, "export", "--weights", tiny, "--out", tmp_path, "--img", 64]
    process = subprocess.Popen(list(map(str, command)), stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other side has closed
            break
        shown += chunk
    os.close(master)
    assert process.wait() == 0
    text = shown.decode()
    assert re.search(r"verify +master-n\.onnx +\S+ s +PASS", text)
    assert "\x1b[" in text
