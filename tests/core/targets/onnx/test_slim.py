"""Of any .onnx file goes what no runtime needs; what it computes, and what it says of itself, stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from halfpint.core.errors import ArtifactRefused, BadRequest
from halfpint.core.export.slimmed_file import slim_file
from halfpint.core.foreign.inspect import inspect_artifact
from halfpint.core.images.synthetic import structured_batch
from halfpint.core.targets.onnx.passes.slim import slim
from halfpint.core.verify.evidence import Verdict
from support.command import halfpint
from support.jobs import names
from support.onnx import answer
from support.text_detector import trained_detector

IMAGE = structured_batch(3, 32, 48, 0, 1)
WEIGHT = np.linspace(-1, 1, 3 * 3 * 9, dtype=np.float32).reshape(3, 3, 3, 3)
NOTE = "File /home/somebody/model.py, line 7, in forward"


def port(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"], "a note on it")


def fat() -> ModelProto:
    """Two outputs, one weight that is there twice, one that nobody reads, a node that leads nowhere, and notes."""
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], "first", NOTE, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "v"], ["b"], "second", pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["a"], ["map"], "third"),
        helper.make_node("Relu", ["b"], ["boxes"], "fourth"),
        helper.make_node("Tanh", ["b"], ["nothing"], "fifth"),
    ]
    nodes[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=NOTE)
    tensors = [numpy_helper.from_array(WEIGHT, name) for name in ("w", "v", "unread")]
    outputs = [port("map"), port("boxes")]
    graph = helper.make_graph(nodes, "g", [port("images")], outputs, tensors, NOTE, [port("a")])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10, producer_name="somebody", doc_string=NOTE)
    helper.set_model_props(model, {"names": "{0: 'cat'}"})
    return model


def test_what_no_runtime_needs_goes_and_the_answers_stay() -> None:
    model = fat()
    before = model.SerializeToString()
    slimmed = slim(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(slimmed, full_check=True)
    assert [tensor.name for tensor in slimmed.graph.initializer] == ["w"]
    assert [node.op_type for node in slimmed.graph.node] == ["Conv", "Conv", "Sigmoid", "Relu"]
    assert {node.name for node in slimmed.graph.node} == {""}
    assert [entry.domain for entry in slimmed.opset_import] == [""]
    text = slimmed.SerializeToString()
    assert NOTE.encode() not in text
    assert b"a note on it" not in text
    for got, wanted in zip(answer(slimmed, IMAGE), answer(model, IMAGE), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_what_a_model_says_of_itself_stays() -> None:
    slimmed = slim(fat())
    assert {prop.key: prop.value for prop in slimmed.metadata_props} == {"names": "{0: 'cat'}"}
    assert slimmed.producer_name == "somebody"
    assert slimmed.ir_version == 10
    assert [port.name for port in (*slimmed.graph.input, *slimmed.graph.output)] == ["images", "map", "boxes"]


def test_only_the_outputs_that_are_asked_for() -> None:
    slimmed = slim(fat(), ["map"])
    assert [node.op_type for node in slimmed.graph.node] == ["Conv", "Sigmoid"]
    (got,), (wanted, _) = answer(slimmed, IMAGE), answer(fat(), IMAGE)
    np.testing.assert_array_equal(got, wanted)
    with pytest.raises(BadRequest, match=r"no output 'mask'.*it has: map, boxes"):
        slim(fat(), ["mask"])


def test_a_detector_that_others_exported(tmp_path: Path) -> None:
    source, target = trained_detector(), tmp_path / "det.slim.onnx"
    done = slim_file(source, target, (320, 320))
    assert done.check.verdict is Verdict.PASS
    assert "to the last bit" in done.check.message
    assert target.stat().st_size == done.nbytes < done.nbytes_before
    assert inspect_artifact(target).info.notes == 0


def test_the_command(tmp_path: Path) -> None:
    source = tmp_path / "fat.onnx"
    source.write_bytes(fat().SerializeToString())
    result = halfpint("slim", source, "--outputs", "boxes", "--imgsz", 32, 48)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("fat.slim.onnx: PASS, its answers are the same to the last bit")
    assert [port.name for port in onnx.load(tmp_path / "fat.slim.onnx").graph.output] == ["boxes"]
    again = halfpint("slim", source)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_files_that_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model at all")
    with pytest.raises(ArtifactRefused, match="no ONNX model"):
        slim_file(tmp_path / "bad.onnx", tmp_path / "x.onnx", (64, 64))
    with pytest.raises(BadRequest, match="does not exist"):
        slim_file(tmp_path / "none.onnx", tmp_path / "x.onnx", (64, 64))
    assert list(names(tmp_path)) == ["bad.onnx"]
