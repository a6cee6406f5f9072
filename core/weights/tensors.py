"""Tensors inside a weights file: where they lie, what they are, and their values when asked for."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import WeightsRefused
from ..untrusted import printable
from .budget import BYTES, MAX_DIMS, MAX_NUMEL
from .file import AGAIN, WeightsFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DType:
    """A stored element type: its name as numpy and torch spell it, its bytes, its `struct` code."""

    name: str
    itemsize: int
    code: str = ""

    def __str__(self) -> str:
        return self.name


# The storage classes of torch.storage, by the name that a pickle gives them.
STORAGE_DTYPES: dict[str, DType] = {
    "FloatStorage": DType("float32", 4, "f"),
    "HalfStorage": DType("float16", 2, "e"),
    "DoubleStorage": DType("float64", 8, "d"),
    "BFloat16Storage": DType("bfloat16", 2),
    "LongStorage": DType("int64", 8, "q"),
    "IntStorage": DType("int32", 4, "i"),
    "ShortStorage": DType("int16", 2, "h"),
    "CharStorage": DType("int8", 1, "b"),
    "ByteStorage": DType("uint8", 1, "B"),
    "UntypedStorage": DType("uint8", 1, "B"),
    "BoolStorage": DType("bool", 1, "?"),
    "ComplexFloatStorage": DType("complex64", 8),
    "ComplexDoubleStorage": DType("complex128", 16),
}


# Element types that weights are trained and saved in.
FLOATS = frozenset(("float16", "bfloat16", "float32", "float64"))


@dataclass(slots=True, eq=False)
class Storage:
    """The bytes of one or more tensors: `numel` elements of `dtype` at `offset` of the file.

    The old layout tells the place only behind the pickle that refers to it, so it is set then.
    """

    file: WeightsFile
    key: str
    dtype: DType
    numel: int
    offset: int
    crc: int = 0  # of the bytes, as the zip has it; 0 where none was written
    big_endian: bool = False

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize

    def check(self) -> None:
        """Compare the bytes with their checksum. Raises `WeightsRefused` if they differ."""
        if not self.crc:
            return
        found = 0
        for piece in self.file.pieces(self.offset, self.nbytes):
            found = zlib.crc32(piece, found)
        if found != self.crc:
            raise WeightsRefused(
                f"{self.file.path.name} is damaged: tensor data {printable(self.key)} does not match its checksum",
                AGAIN,
            )


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage: element offset, shape and strides (in elements), all inside the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMS:
            raise self._refused(
                f"{len(self.shape)} dimensions and {len(self.strides)} strides; at most 64 are possible"
            )
        if any(type(d) is not int or not 0 <= d <= MAX_NUMEL for d in (self.offset, *self.shape, *self.strides)):
            raise self._refused("a malformed shape or stride")
        if self.numel > MAX_NUMEL:
            raise self._refused("more elements than torch can count")
        if self.numel and self.end > self.storage.numel:
            raise WeightsRefused(
                f"tensor data {printable(self.storage.key)}: "
                f"a tensor reaches element {self.end - 1}, its storage has {self.storage.numel}"
            )

    def _refused(self, what: str) -> WeightsRefused:
        return WeightsRefused(f"a tensor in the data {printable(self.storage.key)} has {what}")

    @property
    def end(self) -> int:
        """The element of its storage behind its last one."""
        return self.offset + sum((d - 1) * s for d, s in zip(self.shape, self.strides, strict=True)) + 1

    @property
    def repeats(self) -> bool:
        """Whether it has more elements than the part of its storage that it shows, as an expanded tensor has."""
        return self.numel > max(0, self.end - self.offset)

    @property
    def dtype(self) -> DType:
        return self.storage.dtype

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of its elements, as stored."""
        return self.numel * self.dtype.itemsize

    def values(self) -> list[float]:
        """The elements of a small contiguous tensor, in order, without numpy.

        Raises `WeightsRefused` for a dtype without plain numbers, or a view that is not contiguous.
        """
        # A bfloat16 is the upper half of a float32.
        brief = self.dtype.name == "bfloat16"
        code, itemsize = "H" if brief else self.dtype.code, self.dtype.itemsize
        if not code or self.strides != contiguous_strides(self.shape):
            raise self._refused(f"no plain numbers ({self.dtype})")
        data = self.storage.file.read(self.storage.offset + self.offset * itemsize, self.nbytes)
        values = struct.unpack(f"{'>' if self.storage.big_endian else '<'}{self.numel}{code}", data)
        return [struct.unpack("<f", struct.pack("<I", value << 16))[0] for value in values] if brief else list(values)

    def array(self) -> NDArray[np.generic]:
        """The elements as a read-only array of the stored dtype, read from the file (bfloat16: as float32).

        Raises `WeightsRefused` for a view that repeats elements, and for more bytes than the file's budget allows.
        """
        import numpy as np

        if self.repeats:
            raise WeightsRefused(f"tensor data {printable(self.storage.key)}: a tensor repeats its elements")
        itemsize, count = self.dtype.itemsize, self.end - self.offset if self.numel else 0
        self.storage.file.budget.spend(BYTES, count * itemsize)
        data = self.storage.file.read(self.storage.offset + self.offset * itemsize, count * itemsize)
        name = "uint16" if self.dtype.name == "bfloat16" else self.dtype.name
        dtype = np.dtype(name).newbyteorder(">" if self.storage.big_endian else "<")
        strides = [s * itemsize for s in self.strides]
        array = np.lib.stride_tricks.as_strided(np.frombuffer(data, dtype), self.shape, strides, writeable=False)
        if self.dtype.name == "bfloat16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a row-major tensor of `shape`."""
    strides: list[int] = []
    step = 1
    for dim in reversed(shape):
        strides.append(step)
        step *= max(dim, 1)
    return tuple(reversed(strides))
