"""`halfpint estimate`, `halfpint measure-gpu` and the guard of `halfpint export`, run as a person would."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from halfpint.core.memory.overheads import measured_gpus
from halfpint.core.memory.run import run
from halfpint.core.precisions import FLOATS, Precision
from halfpint.core.shapes import InputShape
from support import dbnet
from support.checkpoints import network_of
from support.command import halfpint
from support.gpus import environment_with

MIB, GIB = 2**20, 2**30
FIXTURES = Path(__file__).parents[1] / "fixtures" / "yolov5"


def estimated(*arguments: object, **more: object) -> dict[str, Any]:
    result = halfpint("estimate", *arguments, "--json", **more)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize(("precision", "opset"), zip(FLOATS, (12, 17), strict=True))
def test_json(tiny: Path, tmp_path: Path, precision: Precision, opset: int) -> None:
    found = estimated(tiny, "--imgsz", 1536, 320, "--batch-size", 2, "--precision", precision, "--opset", opset,
                      "--out", tmp_path)  # fmt: skip
    with network_of(tiny) as network:
        predicted = run(network, InputShape(2, 3, 1536, 320), precision)
    assert list(found) == ["shape", "precision", "findings", "run", "job", "device", "fit", "artifacts"]
    assert found["shape"] == [2, 3, 1536, 320]
    assert found["precision"] == precision.name
    assert found["run"] == {
        "of": "torchscript",
        "peak_allocated_nbytes": predicted.peak_allocated_nbytes,
        "peak_reserved_nbytes": predicted.peak_reserved_nbytes,
        "peak_layer": predicted.peak_layer,
    }
    assert [(finding["level"], finding["rule"]) for finding in found["findings"]] == [("warning", "ratio")]
    assert (found["device"], found["fit"]) == ("cpu", "FITS")
    assert found["job"]["gpu"] is None
    assert found["job"]["host"]["low_nbytes"] <= found["job"]["host"]["high_nbytes"]
    exported = halfpint("export", "--weights", tiny, "--imgsz", 1536, 320, "--batch", 2, "--out", tmp_path,
                        "--precision", "fp32", "fp16", "--opset", opset, "--verify", "quick")  # fmt: skip
    assert exported.returncode == 0
    for kind, suffix in (("fp32", ".onnx"), ("fp16", ".fp16.onnx")):
        assert found["artifacts"]["onnx"][kind] == (tmp_path / f"master-n{suffix}").stat().st_size
    assert set(found["artifacts"]["torchscript"]) == {"fp32", "fp16"}


def test_a_ratio_is_a_warning_and_memory_is_bytes(tiny: Path, tmp_path: Path) -> None:
    environment = environment_with(tmp_path, 22 * GIB, 200 * MIB)
    fits = estimated(tiny, "--imgsz", 1536, 320, "--device", 0, env=environment)
    assert fits["fit"] == "FITS"
    assert [finding["rule"] for finding in fits["findings"]] == ["ratio", "device"]
    full = estimated(tiny, "--imgsz", 1536, 320, "--device", "cuda:1", env=environment)
    assert (full["device"], full["fit"]) == ("1", "WILL NOT FIT")
    assert {finding["rule"]: finding["level"] for finding in full["findings"]} == {
        "ratio": "warning",
        "device": "ok",  # this ONNX Runtime does not use GPUs
        "memory": "error",
    }
    assert full["job"]["gpu"]["free_nbytes"] == 200 * MIB
    assert "documented range" in full["job"]["gpu"]["terms"][-2]["note"]


def test_without_a_gpu_the_verdict_is_unknown_and_says_why(tiny: Path, tmp_path: Path) -> None:
    found = estimated(tiny, "--device", 5, env=environment_with(tmp_path, GIB))
    assert found["fit"] == "UNKNOWN"
    assert found["job"]["gpu"]["problem"] == "there is no GPU 5 here"


def test_for_people(tiny: Path, tmp_path: Path) -> None:
    result = halfpint(
        "estimate", tiny, "--imgsz", 1536, 320, "--half", "--device", 0, env=environment_with(tmp_path, GIB)
    )
    assert result.returncode == 0
    for line in (
        r"master-n.pt at 1×1536×320 \(batch×height×width, portrait\), fp16, on GPU 0\n",
        r"a forward pass of the TorchScript file, weights and input counted:\n +[\d.]+ MiB at its peak, in model\.\d+",
        r"FITS: needs [\d.]+ MiB to [\d.]+ MiB, 1\.0 GiB of GPU 0 are free",
        r"250\.0 MiB to 650\.0 MiB +CUDA context +documented range",
        r"torchscript fp16 +0\.\d+ MB|torchscript fp16 +\d\.\d MB",
        r"warning: the ratio is 4\.8:1",
    ):
        assert re.search(line, result.stdout), result.stdout


def test_the_map(tiny: Path, tmp_path: Path) -> None:
    environment = environment_with(tmp_path, 275 * MIB)
    result = halfpint("estimate", tiny, "--imgsz", 1536, 320, "--device", 0, "--map", env=environment)
    rows = re.findall(r"^ +(?:\d+)? ((?:[.:~=xX@] ?){39})$", result.stdout, re.M)
    assert len(rows) == 39
    assert rows[0][0] == "~"
    assert rows[-1].replace(" ", "")[0] == "@"
    assert rows[-1].replace(" ", "")[-1] == "x"
    assert "@ 1536×320" in result.stdout
    assert "\033" not in result.stdout
    with_json = halfpint("estimate", tiny, "--map", "--json")
    assert json.loads(with_json.stdout)["fit"] == "FITS"
    assert "height × width" in with_json.stderr


def test_each_family_has_a_default_size_and_a_range_of_its_own(tiny: Path, tmp_path: Path) -> None:
    text = dbnet.written(dbnet.state_dict("proxylessnas"), tmp_path / "model" / "pytorch_model.pt").parent
    for weights, default, warned in ((tiny, 640, []), (text, 800, ["range"])):
        assert estimated(weights)["shape"] == [1, 3, default, default]
        assert [finding["rule"] for finding in estimated(weights, "--imgsz", 320, 640)["findings"]] == warned
    drawn = halfpint("estimate", text, "--map").stdout
    assert re.findall(r"^ +(\d+) [.@]", drawn, re.M)[0] == "480"
    assert "@ 800×800" in drawn


@pytest.mark.parametrize(("how", "made"), [("up", 704), ("down", 640), ("nearest", 640)])
def test_rounding_is_told(how: str, made: int) -> None:
    large = FIXTURES / "master-n6.pt"
    found = estimated(large, "--imgsz", 670, 640, "--round", how)
    assert found["shape"] == [1, 3, made, 640]
    (told,) = found["findings"]
    assert (told["level"], told["rule"]) == ("ok", "round")
    assert told["message"].startswith(f"670×640 was rounded to {made}×640 (height×width)")
    assert told["message"] in halfpint("estimate", large, "--imgsz", 670, 640, "--round", how).stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--imgsz", "800", "600"], "600 is no multiple of the stride 32"),
        (["--batch", "0"], "the batch is 0"),
        (["--half", "--precision", "fp32"], "contradict each other"),
        (["--precision", "fp8"], "fp8"),
    ],
    ids=str,
)
def test_bad_requests(tiny: Path, arguments: list[str], complaint: str) -> None:
    result = halfpint("estimate", tiny, *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr


def test_an_illegal_size_in_json(tiny: Path) -> None:
    result = halfpint("estimate", tiny, "--imgsz", 800, 600, "--json")
    found = json.loads(result.stdout)
    assert result.returncode == 2
    assert (found["run"], found["job"], found["fit"], found["artifacts"]) == (None, None, "UNKNOWN", {})
    assert found["findings"][0]["rule"] == "stride"


# ---- the guard


def export(tiny: Path, out: Path, *arguments: object, **more: object) -> Any:
    return halfpint("export", "--weights", tiny, "--out", out, *arguments, **more)


def test_a_job_that_will_not_fit_into_a_gpu_does_not_start(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export(tiny, out, "--img", 64, "--device", 0, env=environment_with(tmp_path, 200 * MIB))
    assert result.returncode == 4
    assert re.search(r"WILL NOT FIT: needs [\d.]+ MiB to [\d.]+ MiB, 200.0 MiB of GPU 0 are free", result.stderr)
    assert "--force" in result.stderr
    assert not out.exists()


def test_nor_one_that_will_not_fit_into_host_memory(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export(tiny, out, "--imgsz", 16384, "--batch-size", 4096, "--json")
    end = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode, end["exit_code"]) == (4, 4)
    assert "of host memory are free" in end["message"]
    assert not out.exists()


def test_with_force_it_starts(tiny: Path, tmp_path: Path) -> None:
    environment = environment_with(tmp_path, 200 * MIB)
    result = export(tiny, tmp_path / "out", "--img", 64, "--device", 0, "--force", "--json", env=environment)
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert "write" in {event.get("stage") for event in events}
    assert any(event["event"] == "note" and "WILL NOT FIT" in event["text"] for event in events)
    assert result.returncode != 4


def test_what_was_predicted_and_measured_is_kept(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--img", 64, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    (predicted,) = [event for event in events if event["event"] == "memory-predicted"]
    measured = [event for event in events if event["event"] == "memory-measured"]
    assert predicted["fit"] == "FITS"
    assert [event["host"] for event in measured] == sorted(event["host"] for event in measured)
    (artifact,) = json.loads((tmp_path / "master-n.halfpint.json").read_text())["artifacts"]
    memory = artifact["made"]["memory"]
    assert memory["predicted"] == {key: value for key, value in predicted.items() if key not in ("event", "version")}
    assert memory["measured"]["host"] >= measured[-1]["host"] - MIB


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("master-n", ["--imgsz", 320, 320, "--verify", "quick", "--dynamic"]),
        ("master-n", ["--imgsz", 640, 640, "--include", "torchscript"]),
        ("master-n6", ["--imgsz", 320, 320, "--batch-size", 4, "--include", "onnx", "torchscript"]),
        ("master-n-seg", ["--imgsz", 320, 640, "--precision", "fp16", "--include", "torchscript", "--verify", "quick"]),
        ("proxylessnas", ["--imgsz", 640, 320, "--precision", "fp32", "fp16"]),
        ("resnet18", ["--imgsz", 320, 320, "--half"]),
    ],
    ids=str,
)
def test_the_peak_of_a_job_is_within_its_range(name: str, arguments: list[object], tmp_path: Path) -> None:
    """A part of the matrix that `benchmarks/memory.py` goes through."""
    weights = dbnet.checkpoint(name) if name in dbnet.VARIANTS else FIXTURES / f"{name}.pt"
    result = halfpint("export", "--weights", weights, "--out", tmp_path, *arguments, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    (predicted,) = [event for event in events if event["event"] == "memory-predicted"]
    measured = max(event["host"] for event in events if event["event"] == "memory-measured")
    assert "publish" in {event.get("stage") for event in events}, result.stdout
    low, high = predicted["host_low"], predicted["host_high"]
    assert low <= measured <= high
    assert high - low <= 0.4 * (high + low) / 2 + 2


# ---- measure-gpu


def test_measure_gpu_without_a_gpu_says_so(tmp_path: Path) -> None:
    result = halfpint("measure-gpu", "--device", 1, env=environment_with(tmp_path, GIB))
    assert result.returncode == 2
    assert "there is no GPU 1 to measure" in result.stderr


def test_measure_gpu_where_torch_cannot_use_the_gpu(tmp_path: Path) -> None:
    """NVML lists a GPU here that CUDA does not know."""
    result = halfpint("measure-gpu", env=environment_with(tmp_path, GIB))
    assert result.returncode == 1
    assert "could not be measured" in result.stderr
    assert "documented range" in result.stderr
    assert measured_gpus() == []
