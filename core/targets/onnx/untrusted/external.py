"""Data that an ONNX model keeps in other files: fetched into the model, from its own folder alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from onnx import TensorProto

from ....errors import ArtifactRefused
from ....untrusted import open_regular, printable
from .look import itemsize

_MOST = 2 * 2**30 - 2**20  # protobuf holds less than 2 GiB in a message


def fetch(tensors: Iterable[TensorProto], folder: Path) -> None:
    """Put the data of these tensors into them, so that no runtime looks for files itself.

    Raises `ArtifactRefused` for a file outside of `folder` (wherever links lead), a hidden one, one that is missing or
    too short, and for more data than one model can hold.
    """
    total = 0
    for tensor in tensors:
        said = {entry.key: entry.value for entry in tensor.external_data[:16]}
        nbytes = itemsize(tensor.data_type)
        for dim in tensor.dims:
            nbytes *= dim
        total += nbytes
        if total > _MOST:
            raise ArtifactRefused("its data in other files have more than 2 GiB, which one model cannot hold")
        data = _read(_inside(folder, said.get("location", "")), _offset(said), nbytes)
        tensor.raw_data = data
        del tensor.external_data[:]
        tensor.ClearField("data_location")


def _inside(folder: Path, location: str) -> Path:
    """Where the data lie. Raises `ArtifactRefused` for a place that is not below the model's own folder."""
    parts = PurePosixPath(location).parts
    hidden = any(part.startswith(".") for part in parts)
    if not parts or "\0" in location or "\\" in location or location.startswith("/") or hidden:
        raise ArtifactRefused(
            f"it wants data from {printable(location)!r}, which is not a plain name in its own folder",
            "nothing was read; do not use this file unless you trust its author",
        )
    real, home = os.path.realpath(folder / location), os.path.realpath(folder)
    if os.path.commonpath([real, home]) != home:
        raise ArtifactRefused(
            f"it wants data from {printable(location)!r}, which leads outside of its own folder",
            "nothing was read; do not use this file unless you trust its author",
        )
    return Path(real)


def _offset(said: dict[str, str]) -> int:
    text = said.get("offset", "0")
    if not text.isdecimal() or len(text) > 15:
        raise ArtifactRefused("it wants data from a place in a file that is no number")
    return int(text)


def _read(path: Path, offset: int, nbytes: int) -> bytes:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            file.seek(offset)
            data = file.read(nbytes) if offset + nbytes <= os.fstat(file.fileno()).st_size else b""
    except OSError as error:
        raise ArtifactRefused(f"its data in {printable(path.name)} cannot be read: {error.strerror}") from error
    if len(data) != nbytes:
        raise ArtifactRefused(f"its data in {printable(path.name)} end before {offset + nbytes:,} bytes")
    return data
