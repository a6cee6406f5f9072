"""Pictures in an .npz: read one after the other, never the whole array."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadRequest
from ..untrusted import open_regular
from .picture import MOST_PIXELS, Broken, Picture, picture_of

Array = NDArray[Any]

_WANTED = "an array of pictures, N×height×width×3 or N×height×width, uint8"
_LABELS = ("truth", "labels")
_MOST_LABELS = 64 << 20  # bytes
# What zipfile and numpy raise for archives that are damaged, encrypted, or packed in ways that nobody uses.
_DAMAGED = (ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, eq=False)
class Npz:
    """An archive of pictures. `member`: their array in it; `shape`: that array's, N first.

    `labels`: M×6 (picture, class, center x, center y, width, height as parts of the picture), or None.
    """

    path: Path
    member: str
    shape: tuple[int, ...]
    labels: Array | None

    def __len__(self) -> int:
        return self.shape[0]

    def pictures(self, which: Collection[int], enough: int) -> Iterator[tuple[str, Picture | Broken]]:
        """The pictures of these numbers, in the order of the array. They are decoded in full."""
        wanted, nbytes = frozenset(which), prod(self.shape[1:])
        try:
            with _opened(self.path) as archive, archive.open(self.member) as file:
                _header(file)
                for index in range(max(wanted, default=-1) + 1):
                    data = file.read(nbytes)
                    if len(data) < nbytes:
                        raise Broken("the array ends too early")
                    if index in wanted:
                        levels = np.frombuffer(data, np.uint8).reshape(self.shape[1:])
                        yield f"{index}", picture_of(levels, f"{index}", self._labels_of(index))
        except (OSError, *_DAMAGED, Broken) as error:
            yield self.member, Broken(str(error)[:120])

    def _labels_of(self, index: int) -> Array | None:
        return None if self.labels is None else self.labels[self.labels[:, 0] == index, 1:]


def open_npz(path: Path) -> Npz:
    """Look at an archive. Raises `BadRequest` for one without pictures."""
    try:
        with _opened(path) as archive:
            headers = {name: _header_of(archive, name) for name in archive.namelist() if name.endswith(".npy")}
            fitting = [name for name, (shape, kind) in headers.items() if _are_pictures(shape, kind)]
            if len(fitting) != 1:
                found = "no array" if not fitting else f"{len(fitting)} arrays"
                raise BadRequest(f"{path} holds {found} of pictures", f"give it {_WANTED}")
            shape = headers[fitting[0]][0]
            labels = next((name for name in (f"{name}.npy" for name in _LABELS) if name in headers), None)
            return Npz(path, fitting[0], shape, _labels(archive, labels) if labels else None)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}", "check the path") from error
    except _DAMAGED as error:
        raise BadRequest(f"{path} is no .npz: {str(error)[:120]}", f"give one with {_WANTED}") from error


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with os.fdopen(open_regular(path), "rb") as file, zipfile.ZipFile(file) as archive:
        yield archive


def _header_of(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(member) as file:
        return _header(file)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and type of an array; what follows are its values. Raises `ValueError` for what is none here."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, kind = read(file)
    if by_columns and len(shape) > 1:
        raise ValueError("an array in Fortran's order")
    return shape, kind


def _are_pictures(shape: tuple[int, ...], kind: np.dtype[Any]) -> bool:
    if kind != np.uint8 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3) or min(shape) < 1:
        return False
    return shape[1] * shape[2] <= MOST_PIXELS


def _labels(archive: zipfile.ZipFile, member: str) -> Array:
    """Raises `ValueError` for an array that is none of labels."""
    shape, kind = _header_of(archive, member)
    if len(shape) != 2 or shape[1] != 6 or kind.kind not in "fiu" or prod(shape) * kind.itemsize > _MOST_LABELS:
        raise ValueError(f"{member} is no M×6 array of numbers")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False).astype(np.float64)
