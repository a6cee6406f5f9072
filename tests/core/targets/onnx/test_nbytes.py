"""The size of an ONNX file is known to the byte before any weights are read."""

from __future__ import annotations

import pytest
from onnx.helper import find_min_ir_version_for, make_opsetid

from halfpint.core.targets.onnx.graph import ElementType
from halfpint.core.targets.onnx.nbytes import min_ir_version, model_nbytes
from halfpint.core.targets.onnx.proto import to_proto
from halfpint.core.targets.onnx.writer import GraphSpec, Model, write
from support.checkpoints import Checkpoint, network_of


@pytest.mark.parametrize("type", [ElementType.FLOAT, ElementType.FLOAT16], ids=["fp32", "fp16"])
@pytest.mark.parametrize("opset", [11, 17, 21])
def test_the_size_is_that_of_the_serialised_model(checkpoint: Checkpoint, opset: int, type: ElementType) -> None:
    with network_of(checkpoint.path) as network:
        dims = ("batch", network.channels, "height", "width")
        spec = GraphSpec(dims, tuple(output.axes for output in network.outputs), opset=opset, type=type)
        model: Model = write(network, spec, ("halfpint", "1.2.3"), {"names": "{0: 'ünïcode'}", "empty": ""})
        assert model_nbytes(model) == len(to_proto(model).SerializeToString())


@pytest.mark.parametrize("opset", range(11, 22))
def test_the_ir_version_is_the_oldest_that_knows_the_opset(opset: int) -> None:
    assert min_ir_version(opset) == find_min_ir_version_for([make_opsetid("", opset)])
