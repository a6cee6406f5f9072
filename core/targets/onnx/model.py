"""A network as an ONNX model that keeps a contract: plain data, whose file's size is known before it is written."""

from __future__ import annotations

from ...network.network import Network
from ...precisions import Precision
from ...shapes import InputShape
from ...version import VERSION
from ..contract import Contract
from ..provenance import PRODUCER, Provenance, metadata
from .graph import ElementType
from .writer import GraphSpec, Model, write


def onnx_model(
    network: Network,
    contract: Contract,
    precision: Precision,
    opset: int,
    shape: InputShape,
    provenance: Provenance,
) -> Model:
    """The network as a model with the metadata that YOLOv5's own exports carry and a little more.

    `shape`: the size it is made for. Raises `ShapeMismatch` for a contract of one size that does not suit the network.
    """
    spec = GraphSpec(
        input=contract.input.dims,
        outputs=tuple(port.dims for port in contract.outputs),
        opset=opset,
        type=ElementType.of(precision.activations.name),
        io=ElementType.of(contract.input.dtype),
        nms=contract.nms,
    )
    return write(network, spec, (PRODUCER, VERSION), metadata(network, precision, shape, provenance, contract.nms))
