"""What an artifact takes and gives: names, dtypes and dimensions of its input and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..errors import BadRequest
from ..network.network import Dims, Network
from ..network.ops import ShapeMismatch
from ..network.suppression import COLUMNS, COUNTS, DETECTIONS, Suppression, rows_of
from ..precisions.dtype import FLOAT32, DType
from ..readings.weigher import weigh
from ..shapes import InputShape


@dataclass(frozen=True)
class Port:
    """An input or output: its name, its dtype (`float32`, `float16`, `int64`), its dimensions."""

    name: str
    dtype: str
    dims: Dims

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From JSON. Raises `KeyError` or `TypeError` for what is none; anybody may have written it."""
        dims = tuple(dim if isinstance(dim, int) else str(dim) for dim in said["dims"])
        return cls(str(said["name"]), str(said["dtype"]), dims)


@dataclass(frozen=True)
class Contract:
    """The input and the outputs of an artifact. `nms`: what it suppresses itself; None: nothing."""

    input: Port
    outputs: tuple[Port, ...]
    nms: Suppression | None = None

    @property
    def fixed_shape(self) -> InputShape | None:
        """The only shape it takes, or None if a dimension is dynamic."""
        match self.input.dims:
            case (int(batch), int(channels), int(height), int(width)):
                return InputShape(batch, channels, height, width)
            case _:
                return None


def contract(
    network: Network, shape: InputShape, io: DType = FLOAT32, *, dynamic: bool, nms: Suppression | None = None
) -> Contract:
    """The contract of a network's artifact for one shape, or with batch, height and width dynamic.

    `io`: what its input and outputs are. `nms`: what it suppresses itself.
    Raises `BadRequest` if the network cannot take the shape, or has no boxes to suppress.
    """
    outputs = output_dims(network, shape)
    if dynamic:
        dims: Dims = ("batch", network.channels, "height", "width")
        outputs = [output.axes for output in network.outputs]
    else:
        dims = shape.dims
    if nms is not None:
        rows_of(network)
        found = Port(DETECTIONS, io.name, (dims[0], nms.max_det, COLUMNS))
        return Contract(Port(network.input_name, io.name, dims), (found, Port(COUNTS, "int64", (dims[0],))), nms)
    ports = (Port(output.name, io.name, dims) for output, dims in zip(network.outputs, outputs, strict=True))
    return Contract(Port(network.input_name, io.name, dims), tuple(ports))


def output_dims(network: Network, shape: InputShape) -> list[Dims]:
    """The dimensions of every output for an image of this shape. Raises `BadRequest` if it does not fit."""
    try:
        return [tuple(int(d) for d in dims) for dims in weigh(network, shape.dims).outputs]
    except ShapeMismatch as error:
        raise BadRequest(f"the network cannot take {shape}: {error}") from error
