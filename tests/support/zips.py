"""Torch archives built by hand, so that they can be wrong in one place."""

from __future__ import annotations

import io
import zipfile


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these entries below the folder `archive`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in entries.items():
            file.writestr(zipfile.ZipInfo(f"archive/{name}"), data, compression)
    return buffer.getvalue()


def pickled(body: bytes) -> bytes:
    """A protocol 2 pickle of these opcodes, in an archive that is otherwise sound."""
    return archive({"data.pkl": b"\x80\x02" + body + b".", "byteorder": b"little", "version": b"3\n"})
