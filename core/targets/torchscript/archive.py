"""The archive of a TorchScript file, without what it tells of the machine that it was made on.

torch writes beside each generated source a `.debug_pkl`: which line of which Python file every line of it came
from, with the absolute paths of the exporting machine. Its loader uses them for error messages alone, and only where
they are there (torch/csrc/jit/serialization/source_range_serialization.cpp, import_source.cpp). The serialization id
is a hash over all records, those included, for logs.
"""

from __future__ import annotations

import os
import struct
import zipfile
from typing import IO

from .nbytes import ALIGNMENT, EXTRA_FIELD, LOCAL_HEADER

_PADDING = b"FB"  # the extra field that torch's archive writer pads with
_DEBUG, _IDENTITY = ".debug_pkl", "/.data/serialization_id"


def write_anonymous(archive: IO[bytes], file: IO[bytes]) -> None:
    """Write the archive without debug records and serialization id; all other records as they are, in their order."""
    file.truncate(archive.seek(0, os.SEEK_END))  # a disk without room for so much has none for a little less
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(file, "w") as new:
        for record in old.infolist():
            if not record.filename.endswith((_DEBUG, _IDENTITY)):
                kept = zipfile.ZipInfo(record.filename)  # dated 1980, as torch's are
                kept.compress_type = record.compress_type
                start = file.tell() + LOCAL_HEADER + len(record.filename) + EXTRA_FIELD
                kept.extra = _PADDING + struct.pack("<H", -start % ALIGNMENT) + bytes(-start % ALIGNMENT)
                new.writestr(kept, old.read(record))
                kept.extra = b""  # the directory at the end needs no padding
    file.truncate()
