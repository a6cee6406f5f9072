"""What an artifact takes and gives: names, dtypes and dimensions of its input and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..errors import BadRequest
from ..network.network import Dims, Network
from ..network.ops import ShapeMismatch
from ..network.suppression import COUNTS, Selection, selected_dims, selected_names
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
    """The input and the outputs of an artifact. `nms`: what it does with its boxes itself; None: nothing."""

    input: Port
    outputs: tuple[Port, ...]
    nms: Selection | None = None

    @property
    def fixed_shape(self) -> InputShape | None:
        """The only shape it takes, or None if a dimension is dynamic."""
        match self.input.dims:
            case (int(batch), int(channels), int(height), int(width)):
                return InputShape(batch, channels, height, width)
            case _:
                return None


def contract(
    network: Network, shape: InputShape, io: DType = FLOAT32, *, dynamic: bool, nms: Selection | None = None
) -> Contract:
    """The contract of a network's artifact for one shape, or with batch, height and width dynamic.

    `io`: what its input and outputs are. `nms`: what it does with its boxes itself.
    Raises `BadRequest` if the network cannot take the shape, or has no boxes to suppress.
    """
    outputs = output_dims(network, shape)
    if dynamic:
        dims: Dims = ("batch", network.channels, "height", "width")
        outputs = [output.axes for output in network.outputs]
    else:
        dims = shape.dims
    if nms is not None:
        given = (*selected_dims(network, nms, dims[0]), *outputs[1:])
        every = (
            Port(name, "int64" if name == COUNTS else io.name, each)
            for name, each in zip(selected_names(network, nms), given, strict=True)
        )
        return Contract(Port(network.input_name, io.name, dims), tuple(every), nms)
    ports = (Port(output.name, io.name, dims) for output, dims in zip(network.outputs, outputs, strict=True))
    return Contract(Port(network.input_name, io.name, dims), tuple(ports))


def output_dims(network: Network, shape: InputShape) -> list[Dims]:
    """The dimensions of every output for an image of this shape. Raises `BadRequest` if it does not fit."""
    try:
        return [tuple(int(d) for d in dims) for dims in weigh(network, shape.dims).outputs]
    except ShapeMismatch as error:
        raise BadRequest(f"the network cannot take {shape}: {error}") from error
