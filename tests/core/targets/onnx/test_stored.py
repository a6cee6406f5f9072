"""An ONNX file is read without its weights, and they are read from it one by one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from halfpint.core.targets.onnx.stored import StoredModel
from support.checkpoints import network_of
from support.onnx import written

TINY = Path(__file__).parents[3] / "fixtures" / "yolov5" / "master-n.pt"
WIDE = (64, 64)  # elements; more than what stays in the model


def model_of(*tensors: TensorProto) -> ModelProto:
    """A model that stores these tensors, and hands on its input."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 8, 8)) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "stores", [x], [y], list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def raw(name: str, type: int) -> TensorProto:
    """A tensor of ones."""
    ones = np.ones(WIDE, helper.tensor_dtype_to_np_dtype(type))
    return helper.make_tensor(name, type, WIDE, ones.tobytes(), raw=True)


TENSORS = {
    "float": raw("float", TensorProto.FLOAT),
    "float16": raw("float16", TensorProto.FLOAT16),
    "double": raw("double", TensorProto.DOUBLE),
    "bfloat16": raw("bfloat16", TensorProto.BFLOAT16),
    "integers": raw("integers", TensorProto.INT64),
    "not raw": helper.make_tensor("not raw", TensorProto.FLOAT, WIDE, np.arange(64 * 64).tolist()),
    "small": numpy_helper.from_array(np.arange(3, dtype=np.int64), "small"),
    "scalar": numpy_helper.from_array(np.array(2, np.float32), "scalar"),
    "empty": numpy_helper.from_array(np.zeros(0, np.float32), "empty"),
}


@pytest.mark.parametrize("place", ["in a file", "in memory"])
def test_every_kind_of_tensor_is_what_onnx_reads(tmp_path: Path, place: str) -> None:
    data = model_of(*TENSORS.values()).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    with closing(StoredModel(data if place == "in memory" else tmp_path / "model.onnx")) as stored:
        tensors = stored.tensors()
        assert list(tensors) == list(TENSORS)
        for name, tensor in TENSORS.items():
            expected = numpy_helper.to_array(tensor)
            assert tensors[name].dtype == expected.dtype
            np.testing.assert_array_equal(tensors[name], expected)


def test_the_model_comes_without_its_weights_and_with_all_else() -> None:
    with network_of(TINY) as network:
        model = written(network, image=(1, 3, 64, 64))
    stored = StoredModel(model.SerializeToString())
    assert stored.brief.ByteSize() < 0.2 * model.ByteSize()
    assert stored.whole() == model
    for tensor in stored.brief.graph.initializer:
        if tensor.name in stored.large:
            tensor.raw_data = next(t.raw_data for t in model.graph.initializer if t.name == tensor.name)
    assert stored.brief == model


def two_graphs(model: ModelProto) -> bytes:
    """The model in two parts, which protobuf joins."""
    first, second = ModelProto(), ModelProto()
    first.CopyFrom(model)
    moved = [first.graph.initializer.pop() for _ in range(2)]
    second.graph.initializer.extend(moved)
    return first.SerializeToString() + second.SerializeToString()


def test_a_model_in_two_parts_is_one() -> None:
    data = two_graphs(model_of(*TENSORS.values()))
    expected = {t.name: numpy_helper.to_array(t) for t in onnx.load_from_string(data).graph.initializer}
    tensors = StoredModel(data).tensors()
    assert list(tensors) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(tensors[name], values)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\x0f", lambda data: data + b"\x3a"])
def test_what_is_no_model_is_refused(damage: Callable[[bytes], bytes]) -> None:
    data = model_of(TENSORS["float"]).SerializeToString()
    with pytest.raises(ValueError, match="no protobuf message, or cut short"):
        StoredModel(damage(data)).brief  # noqa: B018


def test_a_weight_whose_bytes_are_not_as_many_as_its_dimensions_say_is_told_of() -> None:
    odd = raw("odd", TensorProto.FLOAT)
    odd.raw_data = odd.raw_data[:-4]
    with pytest.raises(ValueError, match="odd has 16380 bytes, its dimensions say 16384"):
        StoredModel(model_of(odd).SerializeToString()).fed()
