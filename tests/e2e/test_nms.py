"""NMS in the file, as a person asks for it: the command, the manifest, and `halfpint verify`."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from support.command import export, halfpint

SAID = {"confidence": 0.4, "iou": 0.6, "max_det": 20, "agnostic": True}
THRESHOLDS = ("--conf", 0.4, "--iou", 0.6, "--max-det", 20, "--agnostic")


@pytest.mark.numbers
def test_a_file_that_suppresses_is_verified_and_listed(trained: Path, tmp_path: Path) -> None:
    result = export(trained, tmp_path, "--precision", "fp32", "fp16", "--dynamic", "--nms", *THRESHOLDS)
    assert result.returncode == 0, result.stderr
    manifest = json.loads((tmp_path / "shapes-n.halfpint.json").read_text())
    for artifact in manifest["artifacts"]:
        assert artifact["contract"]["nms"] == artifact["use"]["nms"] == SAID
        assert artifact["use"]["preparation"]["order"] == "RGB"
        assert [port["name"] for port in artifact["contract"]["outputs"]] == ["detections", "counts"]
        checks = {check["name"]: check for check in artifact["verification"]["checks"]}
        assert checks["nms"]["verdict"] == "pass" and "as NMS outside keeps them" in checks["nms"]["message"]
    path = tmp_path / "shapes-n.fp16.onnx"
    verified = halfpint("verify", path, "--against", trained)
    assert verified.returncode == 0 and "PASS  nms" in verified.stdout, verified.stdout

    model = onnx.load(path)
    nms = next(node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    constant = next(tensor for tensor in model.graph.initializer if tensor.name == nms.input[3])
    constant.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(constant) * 0.5, constant.name))
    onnx.save(model, tmp_path / "changed.onnx")
    wrong = halfpint("verify", tmp_path / "changed.onnx", "--against", trained)
    assert wrong.returncode == 1 and "FAIL  nms" in wrong.stdout, wrong.stdout


def test_the_quick_way_and_a_file_for_one_size(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--precision", "fp32", "fp16", "--nms", "--batch", 3, "--verify", "quick")
    assert result.returncode == 0, result.stderr
    assert onnx.load(tmp_path / "master-n.onnx").graph.output[0].type.tensor_type.shape.dim[0].dim_value == 3


def test_sizes_are_foretold_to_the_byte(tiny: Path, tmp_path: Path) -> None:
    told = halfpint("estimate", tiny, "--imgsz", 96, 64, "--nms", "--max-det", 20, "--json")
    export(tiny, tmp_path, "--nms", "--max-det", 20)
    made = (tmp_path / "master-n.onnx").stat().st_size
    assert json.loads(told.stdout)["artifacts"]["onnx"]["fp32"] == made


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (("--conf", 0.4), "--conf means nothing without --nms", "add --nms"),
        (("--agnostic",), "--agnostic means nothing without --nms", "add --nms"),
        (("--nms", "--conf", 2), "confidence 2 is not possible", "give 0 to 1 with --conf"),
        (("--nms", "--max-det", 0), "detections 0 is not possible", "give 1 to 100000 with --max-det"),
        (("--nms", "--include", "torchscript"), "--nms works on onnx", "add --include onnx"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tiny: Path, tmp_path: Path, arguments: tuple[object, ...], what: str, fix: str
) -> None:
    result = export(tiny, tmp_path, *arguments)
    assert result.returncode == 2 and what in result.stderr and fix in result.stderr
    assert not list(tmp_path.iterdir())


def test_targets_without_it_are_told(tiny: Path, tmp_path: Path) -> None:
    result = export(tiny, tmp_path, "--nms", "--include", "onnx", "torchscript", "--verify", "quick")
    assert result.returncode == 0, result.stderr
    assert "TorchScript files give all boxes: --nms is not for them" in result.stdout
