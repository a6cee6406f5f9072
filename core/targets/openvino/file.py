"""A network as an OpenVINO IR: its graph in XML, and its weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import IO, Any

from ...network.network import Network
from ...scratch import scratch
from ..onnx.file import onnx_bytes
from ..onnx.options import OPSET
from ..provenance import Provenance
from ..target import Build
from .runtime import openvino, passes

_CONVOLUTIONS = {f"{groups}{kind}" for groups in ("", "Group") for kind in ("Convolution", "ConvolutionBackpropData")}
# Six nodes reshape a bias, and the weight of a grouped convolution. What is stored in 8 bits would become floats.
_FOLD = passes.ConstantFolding
# What OpenVINO calls a node that has no name in the ONNX file: its type, and a number that its process counts up.
_NUMBERED = re.compile(r"[A-Za-z]+_\d+")


def write_openvino(network: Network, build: Build, provenance: Provenance, xml: IO[bytes], weights: IO[bytes]) -> None:
    """Write the `.xml` and the `.bin` of a network.

    `read_model` reads ONNX as `convert_model` does.
    """
    opset = OPSET.default
    data = onnx_bytes(network, build.contract(network), build.precision, opset, build.shape, provenance)
    write_ir(data, (xml, weights), (_FOLD,))


def write_ir(data: bytes, files: Sequence[IO[bytes]], changes: Sequence[Any] = ()) -> None:
    """Write the `.xml` and the `.bin` of an ONNX model. `changes`: passes of OpenVINO's that are run before."""
    model = openvino.Core().read_model(data)
    manager = passes.Manager()
    for change in changes:
        manager.register_pass(change())
    manager.run_passes(model)
    for number, node in enumerate(model.get_ordered_ops()):
        if _NUMBERED.fullmatch(node.get_friendly_name()):
            # The same whatever was made before.
            node.set_friendly_name(_tensor_name(node) or f"{node.get_type_name()}.{number}")
    with scratch() as folder:
        path = folder / "model.xml"
        # The types are right already: with FP16, OpenVINO would also round what an FP16 network computes in FP32.
        openvino.save_model(model, path, compress_to_fp16=False)
        for source, file in zip((path, path.with_suffix(".bin")), files, strict=True):
            file.truncate(source.stat().st_size)
            with source.open("rb") as made:
                shutil.copyfileobj(made, file)


def _tensor_name(node: Any) -> str:
    """The name of the weight or bias that a node holds, from the convolution that it serves; empty for other nodes."""
    users = node.output(0).get_target_inputs()
    if node.get_type_name() != "Constant" or len(users) > 1:
        return ""
    (user,) = users
    serving = user.get_node()
    name = serving.get_friendly_name().removesuffix("/WithoutBiases")
    if serving.get_type_name() in _CONVOLUTIONS:
        return f"{name}.weight"
    adds = serving.get_type_name() == "Add"
    return f"{name}.bias" if adds and serving.input_value(0).get_node().get_type_name() in _CONVOLUTIONS else ""
