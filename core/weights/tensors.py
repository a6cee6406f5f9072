"""Tensors inside a weights file: where they lie, what they are, and their values when asked for."""

from __future__ import annotations

import math
import mmap
import os
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from ..errors import WeightsRefused

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


class WeightsFile:
    """An open weights file: small reads are copied, large ones mapped, nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises `WeightsRefused` if it is missing, unreadable, a folder, or empty."""
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                kind = "a folder" if path.is_dir() else "not a regular file"
                raise WeightsRefused(f"{path} is {kind}", "name a weights file, such as best.pt")
            self._file = path.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise WeightsRefused(f"{path} does not exist", "check the path") from error
        except OSError as error:
            raise WeightsRefused(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
        self.nbytes = os.fstat(self._file.fileno()).st_size
        self._map: mmap.mmap | None = None
        if not self.nbytes:
            self.close()
            raise WeightsRefused(f"{path} is empty (0 bytes)", "copy or download the file again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Arrays that were mapped before stay valid."""
        self._file.close()

    def state(self) -> tuple[int, int]:
        """Its size in bytes and its time of change (ns): they differ once somebody has written to it."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def read(self, offset: int, nbytes: int) -> bytes:
        """`nbytes` bytes at `offset`. Raises `WeightsRefused` where the file ends before."""
        if offset < 0 or nbytes < 0 or offset + nbytes > self.nbytes:
            raise WeightsRefused(
                f"{self.path.name} is cut short: {offset + nbytes:,} bytes are needed, {self.nbytes:,} are there",
                "copy or download the file again",
            )
        data = os.pread(self._file.fileno(), nbytes, offset)
        if len(data) != nbytes:
            raise WeightsRefused(f"{self.path.name} shrank while it was read", "wait until its writer is done")
        return data

    def stream(self) -> IO[bytes]:
        """The same open file, for a library that wants to seek and read. Closing it leaves this file open."""
        return open(self._file.fileno(), "rb", closefd=False)

    def mapped(self) -> mmap.mmap:
        """The whole file, mapped read-only."""
        if self._map is None:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map


@dataclass(frozen=True, slots=True)
class Storage:
    """The bytes of one or more tensors: `numel` elements of `dtype` at `offset` of the file."""

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
        if self.crc and zlib.crc32(memoryview(self.file.mapped())[self.offset : self.offset + self.nbytes]) != self.crc:
            raise WeightsRefused(
                f"{self.file.path.name} is damaged: tensor data {self.key} does not match its checksum",
                "copy or download the file again",
            )


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage: element offset, shape and strides (in elements), all inside the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        dims = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or any(type(d) is not int or d < 0 for d in dims):
            raise WeightsRefused(f"tensor data {self.storage.key} has a malformed shape or stride")
        last = self.offset + sum((d - 1) * s for d, s in zip(self.shape, self.strides, strict=True))
        if self.numel and last >= self.storage.numel:
            raise WeightsRefused(
                f"tensor data {self.storage.key}: a tensor reaches element {last}, its storage has {self.storage.numel}"
            )

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
            raise WeightsRefused(f"tensor data {self.storage.key} ({self.dtype}) is not stored as plain numbers")
        data = self.storage.file.read(self.storage.offset + self.offset * itemsize, self.nbytes)
        values = struct.unpack(f"{'>' if self.storage.big_endian else '<'}{self.numel}{code}", data)
        return [struct.unpack("<f", struct.pack("<I", value << 16))[0] for value in values] if brief else list(values)

    def array(self) -> NDArray[np.generic]:
        """The elements as a read-only array of the stored dtype, mapped from the file (bfloat16: as float32).

        Raises `WeightsRefused` for a view that repeats elements, which no weight does.
        """
        import numpy as np

        if self.numel > self.storage.numel:
            raise WeightsRefused(f"tensor data {self.storage.key} repeats its elements")
        name = "uint16" if self.dtype.name == "bfloat16" else self.dtype.name
        dtype = np.dtype(name).newbyteorder(">" if self.storage.big_endian else "<")
        flat = np.frombuffer(self.storage.file.mapped(), dtype, self.storage.numel, self.storage.offset)
        strides = [s * dtype.itemsize for s in self.strides]
        array = np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides, writeable=False)
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
