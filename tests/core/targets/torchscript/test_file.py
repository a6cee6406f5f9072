"""What a TorchScript file writes down of the process that traced it."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from halfpint.core.precisions import FP32
from halfpint.core.shapes import InputShape
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from support.checkpoints import network_of


def test_an_fp32_file_computes_in_float32_on_gpus_that_have_tf32(tiny: Path) -> None:
    cudnn = torch.backends.cudnn
    assert cudnn.allow_tf32, "PyTorch's default, which a trace would write down"
    with network_of(tiny) as network:
        file = torchscript_bytes(network, FP32, InputShape(1, 3, 64, 64), Provenance("", ""))
    graph = torch.jit.load(io.BytesIO(file)).inlined_graph
    *_, enabled, tf32 = zip(*(node.inputs() for node in graph.findAllNodes("aten::_convolution")), strict=True)
    assert {value.toIValue() for value in enabled} == {True}  # cuDNN itself
    assert {value.toIValue() for value in tf32} == {False}
    assert cudnn.allow_tf32
