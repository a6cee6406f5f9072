"""A network as the bytes of an ONNX file, with the metadata that YOLOv5's own exports carry and a little more."""

from __future__ import annotations

from ..formats import Precision
from ..network.network import Network
from ..readings.onnx_proto import to_proto
from ..readings.onnx_writer import GraphSpec, write
from ..readings.weigher import grid_sizes
from ..shapes import InputShape
from ..version import VERSION
from .contract import Contract
from .provenance import PRODUCER, Provenance, metadata


def onnx_bytes(
    network: Network,
    contract: Contract,
    precision: Precision,
    opset: int,
    shape: InputShape,
    provenance: Provenance,
    *,
    constant_grids: bool = False,
) -> bytes:
    """The network as a serialized ONNX model that keeps the contract. `shape`: the size it is made for.

    `constant_grids`: for one size, what depends on it is written as constants.
    """
    spec = GraphSpec(
        input=contract.input.dims,
        outputs=tuple(port.dims for port in contract.outputs),
        opset=opset,
        half=precision is Precision.FP16,
        half_io=contract.input.dtype == "float16",
        grids=grid_sizes(network, shape.dims) if constant_grids else None,
    )
    model = write(network, spec, (PRODUCER, VERSION), metadata(network, precision, shape, provenance))
    return to_proto(model).SerializeToString()
