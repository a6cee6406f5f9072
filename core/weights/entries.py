"""Where the entries of a torch archive lie. torch stores them uncompressed, so each is a part of the file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass

from ..errors import WeightsRefused
from ..untrusted import printable
from .budget import ENTRIES
from .file import AGAIN, WeightsFile

# A YOLOv5x6 training checkpoint pickles to about 1 MB; the bound keeps a hostile file from filling the memory.
MAX_PICKLE_NBYTES = 16 * 1024 * 1024
_END_NBYTES = 22 + 65_535  # of the record that ends a zip, with the longest comment
_ENTRY_NBYTES = 80  # of an entry in the directory, as torch names them: 46 and the name


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored entry: its place in the file, its bytes, its checksum (0 where none was written)."""

    offset: int
    nbytes: int
    crc: int


class Entries:
    """The directory of a zip. Raises `WeightsRefused` for one that is damaged, ambiguous, or absurdly long."""

    def __init__(self, file: WeightsFile) -> None:
        self._file = file
        most = max(_END_NBYTES, _ENTRY_NBYTES * file.budget.left(ENTRIES))
        try:
            with file.stream(most) as stream, zipfile.ZipFile(stream) as listing:
                infos = listing.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
            raise WeightsRefused(f"the file is cut short or damaged ({printable(str(error))})", AGAIN) from error
        file.budget.spend(ENTRIES, len(infos))
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) != len(infos):
            raise WeightsRefused("two entries of its zip have the same name, which torch never writes", AGAIN)

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def folder_of(self, name: str) -> str | None:
        """The folder, with its slash, that holds an entry of this name: an empty string is the top, None is nowhere.

        Raises `WeightsRefused` if there are several.
        """
        found = [entry.removesuffix(name) for entry in self._infos if entry == name or entry.endswith(f"/{name}")]
        if len(found) > 1:
            raise WeightsRefused(f"its zip has {len(found)} entries that are called {name}; torch writes one", AGAIN)
        return found[0] if found else None

    def entry(self, name: str) -> Entry:
        """Where `name` lies. Raises `WeightsRefused` if it is missing, compressed, or beyond the file's end."""
        info = self._infos.get(name)
        if info is None:
            raise WeightsRefused(f"{printable(name)} is missing from the file", AGAIN)
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise WeightsRefused(f"{printable(name)} is compressed, torch stores it plain", "save it with torch again")
        # A local header: 30 bytes, of which the last four give the lengths of a name and an extra field.
        header = self._file.read(info.header_offset, 30)
        if header[:4] != b"PK\x03\x04":
            raise WeightsRefused(f"{printable(name)} is not where the zip says it is", AGAIN)
        name_nbytes, extra_nbytes = struct.unpack("<HH", header[26:])
        offset = info.header_offset + 30 + name_nbytes + extra_nbytes
        if offset + info.file_size > self._file.nbytes:
            raise WeightsRefused(f"{printable(name)} reaches beyond the end of the file", AGAIN)
        return Entry(offset, info.file_size, info.CRC)

    def read(self, name: str) -> bytes:
        """The bytes of a small entry, compared with their checksum if there is one."""
        entry = self.entry(name)
        if entry.nbytes > MAX_PICKLE_NBYTES:
            raise WeightsRefused(f"{printable(name)} has {entry.nbytes:,} bytes; no checkpoint needs so many")
        data = self._file.read(entry.offset, entry.nbytes)
        if entry.crc and zlib.crc32(data) != entry.crc:
            raise WeightsRefused(f"the file is damaged: {printable(name)} does not match its checksum", AGAIN)
        return data
