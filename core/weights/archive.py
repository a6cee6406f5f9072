"""Open a checkpoint as data: torch's zip layout, the plain stream that torch before 1.6 wrote, or safetensors."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from ..errors import WeightsRefused
from ..untrusted import printable
from .discover import SUFFIXES
from .entries import MAX_PICKLE_NBYTES, Entries
from .file import AGAIN, WeightsFile
from .meaning import TorchMeaning
from .names import Names
from .pickled import read_pickle
from .safetensors import is_safetensors, read_safetensors
from .tensors import DType, Storage, Tensor

_ZIP = b"PK\x03\x04"
# What opens a stream: torch.save's magic number 0x1950a86a20f9469cfc6c, pickled.
_STREAM_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass(frozen=True)
class Archive:
    """A checkpoint, open: the pickled root value, with records for objects and `Tensor`s for tensors.

    Use it as a context manager: tensors are read from the open file when their values are asked for.
    """

    file: WeightsFile
    layout: Literal["zip", "stream", "safetensors"]
    root: object
    storages: tuple[Storage, ...]

    @property
    def path(self) -> Path:
        return self.file.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def check(self) -> None:
        """Compare every storage with its checksum. Raises `WeightsRefused` that names the first damaged one."""
        for storage in self.storages:
            storage.check()


def open_archive(path: Path, names: Names) -> Archive:
    """Open the checkpoint at `path`; the objects in it may only be of `names` and what torch itself writes.

    Raises `WeightsRefused`, with the reason and what to do, for everything that is no such checkpoint.
    """
    file = WeightsFile(path)
    try:
        head = file.read(0, min(file.nbytes, 64))
        if head.startswith(_ZIP):
            return _open_zip(file, names)
        if head.startswith(_STREAM_MAGIC):
            return _open_stream(file, names)
        if is_safetensors(head, file.nbytes):
            root = read_safetensors(file)
            return Archive(file, "safetensors", root, tuple(t.storage for t in root.values() if isinstance(t, Tensor)))
        fix = f"to halve an ONNX model: halfpint halve {path.name}" if path.suffix == ".onnx" else "name a .pt file"
        what = _looks_like(head) or f"it begins with the bytes {head[:4].hex(' ')}"
        raise WeightsRefused(f"{path.name} is no torch checkpoint: {what}", fix)
    except WeightsRefused as error:
        file.close()
        if path.name not in error.what:
            raise WeightsRefused(f"{path.name}: {error.what}", error.fix, hostile=error.hostile) from error
        raise
    except BaseException:
        file.close()
        raise


def is_something_else(path: Path) -> bool:
    """Whether a file is neither a checkpoint, nor called one, nor anything else that its beginning tells.

    It may be an artifact.

    Raises `WeightsRefused` for a file that cannot be read, and for a zip that is damaged.
    """
    with contextlib.closing(WeightsFile(path)) as file:
        head = file.read(0, min(file.nbytes, 64))
        if head.startswith(_ZIP):
            return _is_torchscript(Entries(file))
        known = head.startswith(_STREAM_MAGIC) or is_safetensors(head, file.nbytes) or bool(_looks_like(head))
        return not (known or path.name.endswith(SUFFIXES))


def _is_torchscript(entries: Entries) -> bool:
    prefix = entries.folder_of("data.pkl")
    return prefix is not None and f"{prefix}constants.pkl" in entries


def _looks_like(head: bytes) -> str:
    """What a file is that begins so; empty if that says nothing."""
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, the weights themselves were not fetched (git lfs pull)"
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, the download did not give the file"
    if head.startswith(b"\x89HDF"):
        return "it is an HDF5 file (Keras)"
    if head.startswith(b"\x80"):
        return "it is a pickle that torch did not write"
    return ""


def _check_places(storages: Iterable[Storage]) -> None:
    """Raises `WeightsRefused` if two storages share bytes: then a small file would stand for a large one."""
    end, before = 0, None
    for storage in sorted((s for s in storages if s.nbytes), key=lambda s: s.offset):
        if storage.offset < end and before is not None:
            both = f"{printable(before.key)} and {printable(storage.key)}"
            raise WeightsRefused(f"the tensor data {both} lie over one another", AGAIN)
        end, before = storage.offset + storage.nbytes, storage


# ---- the zip layout, torch 1.6 and later


def _open_zip(file: WeightsFile, names: Names) -> Archive:
    entries = Entries(file)
    prefix = entries.folder_of("data.pkl")
    if prefix is None:
        raise WeightsRefused("the file is a zip without a data.pkl: torch did not write it", "name a .pt file")
    if _is_torchscript(entries):
        raise WeightsRefused(
            "the file is TorchScript: an export already, which its modules cannot be read back from",
            "give the checkpoint it was exported from",
        )
    big_endian = f"{prefix}byteorder" in entries and entries.read(f"{prefix}byteorder") == b"big"

    def locate(key: str, dtype: DType, numel: int) -> Storage:
        entry = entries.entry(f"{prefix}data/{key}")
        if numel * dtype.itemsize != entry.nbytes:
            raise WeightsRefused(
                f"tensor data {printable(key)}: {numel} × {dtype} are declared, the file holds {entry.nbytes} bytes"
            )
        return Storage(file, key, dtype, numel, entry.offset, entry.crc, big_endian)

    meaning = TorchMeaning(names, locate, file.budget)
    root = read_pickle(entries.read(f"{prefix}data.pkl"), meaning, file.budget)
    storages = tuple(meaning.storages.values())
    _check_places(storages)
    return Archive(file, "zip", root, storages)


# ---- the stream layout, before torch 1.6: five pickles, then each storage as its length and its bytes


def _open_stream(file: WeightsFile, names: Names) -> Archive:
    # Where a storage lies is known only behind the pickle that refers to it.
    meaning = TorchMeaning(names, lambda key, dtype, numel: Storage(file, key, dtype, numel, offset=0), file.budget)
    stream = io.BytesIO(file.read(0, min(file.nbytes, MAX_PICKLE_NBYTES)))

    def pickled() -> object:
        return read_pickle(stream, meaning, file.budget)

    _magic, _version, system, root, keys = pickled(), pickled(), pickled(), pickled(), pickled()
    big_endian = isinstance(system, dict) and system.get("little_endian") is False
    offset = stream.tell()
    waiting = dict(meaning.storages)
    for key in keys if isinstance(keys, list) else ():
        storage = waiting.pop(key, None) if isinstance(key, str) else None
        if storage is None:
            raise WeightsRefused("the file lists tensor data that no tensor uses", AGAIN)
        (numel,) = struct.unpack(">q" if big_endian else "<q", file.read(offset, 8))
        if numel != storage.numel or offset + 8 + storage.nbytes > file.nbytes:
            raise WeightsRefused(f"tensor data {printable(storage.key)} is cut short or damaged", AGAIN)
        storage.offset, storage.big_endian = offset + 8, big_endian
        offset += 8 + storage.nbytes
    for key in waiting:
        raise WeightsRefused(f"tensor data {printable(key)} is missing from the file", AGAIN)
    return Archive(file, "stream", root, tuple(meaning.storages.values()))
