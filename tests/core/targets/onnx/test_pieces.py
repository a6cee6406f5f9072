"""An ONNX file is, byte for byte, what onnx itself would write, and its size is known before any weights are read."""

from __future__ import annotations

import weakref
from functools import partial
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx.helper import find_min_ir_version_for, make_opsetid

from halfpint.core.targets.onnx.graph import ElementType, Graph
from halfpint.core.targets.onnx.pieces import min_ir_version, model_nbytes, model_pieces, write_model
from halfpint.core.targets.onnx.writer import GraphSpec, Model, Port, write
from support.checkpoints import Checkpoint, network_of
from support.onnx import to_proto


@pytest.mark.one_in(5)
@pytest.mark.parametrize("type", [ElementType.FLOAT, ElementType.FLOAT16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("opset", [11, 17, 21])
def test_the_bytes_and_their_number_are_those_of_onnx(checkpoint: Checkpoint, opset: int, type: ElementType) -> None:
    with network_of(checkpoint.path) as network:
        dims = ("batch", network.channels, "height", "width")
        spec = GraphSpec(dims, tuple(output.axes for output in network.outputs), opset=opset, type=type)
        model: Model = write(network, spec, ("halfpint", "1.2.3"), {"names": "{0: 'ünïcode'}", "empty": ""})
        data = to_proto(model).SerializeToString()
        assert model_nbytes(model) == len(data)
        assert b"".join(model_pieces(model)) == data


def test_a_tensor_is_loaded_when_its_turn_comes_and_not_kept() -> None:
    alive = set[str]()

    def load(name: str) -> NDArray[np.float32]:
        assert not alive, f"{alive} are still there when {name} is loaded"
        array = np.full((2, 3), 1.0, np.float32)
        alive.add(name)
        weakref.finalize(array, alive.discard, name)
        return array

    graph = Graph(17)
    for name in ("a", "b", "c"):
        graph.initializer(name, ElementType.FLOAT, (2, 3), partial(load, name))
    port = Port("x", ElementType.FLOAT, (1,))
    write_model(Model(graph, "three", port, (port,), ("halfpint", "1"), {}), BytesIO())
    assert not alive


def test_a_tensor_other_than_declared_is_no_part_of_a_file() -> None:
    graph = Graph(17)
    graph.initializer("odd", ElementType.FLOAT, (2, 3), lambda: np.zeros((3, 2), np.float32))
    port = Port("x", ElementType.FLOAT, (1,))
    with pytest.raises(ValueError, match=r"odd should be float32 \(2, 3\), and is float32 \(3, 2\)"):
        write_model(Model(graph, "odd", port, (port,), ("halfpint", "1"), {}), BytesIO())


@pytest.mark.parametrize("opset", range(11, 22))
def test_the_ir_version_is_the_oldest_that_knows_the_opset(opset: int) -> None:
    assert min_ir_version(opset) == find_min_ir_version_for([make_opsetid("", opset)])
