"""Open a checkpoint as data: torch's zip layout, the plain stream that torch before 1.6 wrote, or safetensors."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from ..errors import WeightsRefused
from ..untrusted import printable
from .meaning import TorchMeaning
from .names import Names
from .pickled import read_pickle
from .safetensors import is_safetensors, read_safetensors
from .tensors import DType, Storage, Tensor, WeightsFile

_AGAIN = "copy or download the file again"
# A YOLOv5x6 training checkpoint pickles to about 1 MB; the bound keeps a hostile file from filling the memory.
MAX_PICKLE_NBYTES = 16 * 1024 * 1024
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
        if head.startswith(b"PK\x03\x04"):
            return _open_zip(file, names)
        if head.startswith(_STREAM_MAGIC):
            return _open_stream(file, names)
        if is_safetensors(head, file.nbytes):
            root = read_safetensors(file)
            return Archive(file, "safetensors", root, tuple(t.storage for t in root.values() if isinstance(t, Tensor)))
        fix = f"to halve an ONNX model: halfpint halve {path.name}" if path.suffix == ".onnx" else "name a .pt file"
        raise WeightsRefused(f"{path.name} is no torch checkpoint: {_looks_like(head)}", fix)
    except WeightsRefused as error:
        file.close()
        if path.name not in error.what:
            raise WeightsRefused(f"{path.name}: {error.what}", error.fix) from error
        raise
    except BaseException:
        file.close()
        raise


def _looks_like(head: bytes) -> str:
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, the weights themselves were not fetched (git lfs pull)"
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, the download did not give the file"
    if head.startswith(b"\x89HDF"):
        return "it is an HDF5 file (Keras)"
    if head.startswith(b"\x80"):
        return "it is a pickle that torch did not write"
    return f"it begins with the bytes {head[:4].hex(' ')}"


# ---- the zip layout, torch 1.6 and later


@dataclass(frozen=True, slots=True)
class _Entry:
    offset: int
    nbytes: int
    crc: int


class _Zip:
    """Where the entries of a zip lie. Torch stores them uncompressed, so they can be mapped."""

    def __init__(self, file: WeightsFile) -> None:
        self._file = file
        try:
            with file.stream() as stream, zipfile.ZipFile(stream) as listing:
                self._infos = {info.filename: info for info in listing.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
            raise WeightsRefused(f"the file is cut short or damaged ({error})", _AGAIN) from error

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._infos)

    def entry(self, name: str) -> _Entry:
        """Where `name` lies. Raises `WeightsRefused` if it is missing, compressed, or beyond the file's end."""
        info = self._infos.get(name)
        if info is None:
            raise WeightsRefused(f"{printable(name)} is missing from the file", _AGAIN)
        if info.compress_type != zipfile.ZIP_STORED:
            raise WeightsRefused(f"{printable(name)} is compressed, torch stores it plain", "save it with torch again")
        # A local header: 30 bytes, of which the last four give the lengths of a name and an extra field.
        header = self._file.read(info.header_offset, 30)
        if header[:4] != b"PK\x03\x04":
            raise WeightsRefused(f"{printable(name)} is not where the zip says it is", _AGAIN)
        name_nbytes, extra_nbytes = struct.unpack("<HH", header[26:])
        offset = info.header_offset + 30 + name_nbytes + extra_nbytes
        if offset + info.file_size > self._file.nbytes:
            raise WeightsRefused(f"{printable(name)} reaches beyond the end of the file", _AGAIN)
        return _Entry(offset, info.file_size, info.CRC)

    def read(self, name: str) -> bytes:
        """The bytes of a small entry, compared with their checksum if there is one."""
        entry = self.entry(name)
        if entry.nbytes > MAX_PICKLE_NBYTES:
            raise WeightsRefused(f"{printable(name)} has {entry.nbytes:,} bytes; no checkpoint needs so many")
        data = self._file.read(entry.offset, entry.nbytes)
        if entry.crc and zlib.crc32(data) != entry.crc:
            raise WeightsRefused(f"the file is damaged: {printable(name)} does not match its checksum", _AGAIN)
        return data


def _open_zip(file: WeightsFile, names: Names) -> Archive:
    entries = _Zip(file)
    pickles = [name for name in entries.names if name == "data.pkl" or name.endswith("/data.pkl")]
    if not pickles:
        raise WeightsRefused("the file is a zip without a data.pkl: torch did not write it", "name a .pt file")
    prefix = pickles[0].removesuffix("data.pkl")
    if f"{prefix}constants.pkl" in entries:
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

    meaning = TorchMeaning(names, locate)
    root = read_pickle(entries.read(pickles[0]), meaning)
    return Archive(file, "zip", root, tuple(meaning.storages.values()))


# ---- the stream layout, before torch 1.6: five pickles, then each storage as its length and its bytes


def _open_stream(file: WeightsFile, names: Names) -> Archive:
    unplaced = TorchMeaning(names, lambda key, dtype, numel: Storage(file, key, dtype, numel, offset=0))
    stream = io.BytesIO(file.read(0, min(file.nbytes, MAX_PICKLE_NBYTES)))
    for _ in ("magic number", "protocol version"):
        read_pickle(stream, unplaced)
    system = read_pickle(stream, unplaced)
    big_endian = isinstance(system, dict) and system.get("little_endian") is False
    start = stream.tell()
    read_pickle(stream, unplaced)
    nbytes = stream.tell() - start
    keys = read_pickle(stream, unplaced)
    offset = stream.tell()
    placed: dict[str, Storage] = {}
    for key in keys if isinstance(keys, list) else ():
        storage = unplaced.storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise WeightsRefused("the file lists tensor data that no tensor uses", _AGAIN)
        (numel,) = struct.unpack(">q" if big_endian else "<q", file.read(offset, 8))
        if numel != storage.numel or offset + 8 + storage.nbytes > file.nbytes:
            raise WeightsRefused(f"tensor data {printable(storage.key)} is cut short or damaged", _AGAIN)
        placed[storage.key] = replace(storage, offset=offset + 8, big_endian=big_endian)
        offset += 8 + storage.nbytes

    def locate(key: str, dtype: DType, numel: int) -> Storage:
        if key not in placed:
            raise WeightsRefused(f"tensor data {printable(key)} is missing from the file", _AGAIN)
        return placed[key]

    # The storages' places are known only behind the pickle that refers to them, so it is read once more.
    meaning = TorchMeaning(names, locate)
    root = read_pickle(file.read(start, nbytes), meaning)
    return Archive(file, "stream", root, tuple(meaning.storages.values()))
