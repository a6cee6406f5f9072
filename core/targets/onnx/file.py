"""A network as the bytes of an ONNX file."""

from __future__ import annotations

from ...network.network import Network
from ...precisions import Precision
from ...shapes import InputShape
from ..contract import Contract
from ..provenance import Provenance
from .model import onnx_model
from .pieces import model_pieces


def onnx_bytes(
    network: Network,
    contract: Contract,
    precision: Precision,
    opset: int,
    shape: InputShape,
    provenance: Provenance,
) -> bytes:
    """The network as a serialized ONNX model, as `onnx_model` describes it."""
    return b"".join(model_pieces(onnx_model(network, contract, precision, opset, shape, provenance)))
