"""A zip with records that are missing, doubled, renamed, packed or exchanged, or with a directory that lies."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from dataclasses import dataclass, replace

from support.fuzz.dice import Dice

# Where numbers stand in an entry of the directory, in a record's own header and in the end: place and format.
_ENTRY = ((8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (30, "<H"), (32, "<H"), (42, "<I"))
_HEADER = ((6, "<H"), (8, "<H"), (14, "<I"), (18, "<I"), (22, "<I"), (26, "<H"), (28, "<H"))
_END = ((4, "<H"), (6, "<H"), (8, "<H"), (10, "<H"), (12, "<I"), (16, "<I"), (20, "<H"))
_PARTS = ((b"PK\x01\x02", _ENTRY), (b"PK\x03\x04", _HEADER), (b"PK\x05\x06", _END))


@dataclass(frozen=True)
class Part:
    """A record of an archive."""

    name: str
    data: bytes
    packed: bool = False


def parts(data: bytes) -> list[Part]:
    """The records of a sound archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [Part(info.filename, archive.read(info), bool(info.compress_type)) for info in archive.infolist()]


def written(records: list[Part]) -> bytes:
    """An archive of these records, whatever their names are."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for part in records:
            info = zipfile.ZipInfo("x")
            info.filename = part.name  # as it is: the constructor would cut it at a NUL
            archive.writestr(info, part.data, zipfile.ZIP_DEFLATED if part.packed else zipfile.ZIP_STORED)
    return buffer.getvalue()


def changed(data: bytes, dice: Dice) -> bytes:
    """A sound archive, changed in one way or another."""
    if dice.chance(0.4):
        return written(_records_changed(parts(data), dice))
    if dice.chance(0.2):
        return dice.one_of(data[: dice.randrange(len(data))], b"\0" * dice.randrange(100) + data, data + data)
    return _numbers_changed(data, dice)


def _records_changed(records: list[Part], dice: Dice) -> list[Part]:
    for _ in range(dice.few()):
        i, j = dice.randrange(len(records)), dice.randrange(len(records))
        one, other = records[i], records[j]
        match dice.randrange(7):
            case 0 if len(records) > 1:
                del records[i]
            case 1:
                records[i:i] = [one] * min(dice.times(), 100)
            case 2:
                name = dice.one_of(other.name, one.name.upper(), one.name + "/", f"{one.name}\0{dice.text()}")
                name = dice.one_of(name, dice.text())[:1000]
                records[i] = replace(one, name=name.encode("utf-8", "replace").decode())
            case 3:
                records[i] = replace(one, data=other.data)
            case 4:
                records[i] = replace(one, data=one.data[: dice.randrange(len(one.data) + 1)])
            case 5:
                records[i] = replace(one, packed=not one.packed)
            case _:
                start = one.data[:1000]
                records[i] = replace(one, data=dice.bytes_changed(start) + one.data[1000:])
    return records


def _numbers_changed(data: bytes, dice: Dice) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.few()):
        sign, fields = dice.choice(_PARTS)
        start = changed.find(sign, dice.randrange(len(changed)))
        if start < 0:
            start = changed.rfind(sign)
        place, form = dice.choice(fields)
        if start < 0 or start + place + 4 > len(changed):
            continue
        (before,) = struct.unpack_from(form, changed, start + place)
        value = dice.one_of(dice.integer(), before + dice.one_of(-1, 1, 64, -64), len(data))
        struct.pack_into(form, changed, start + place, value % (2**16 if form == "<H" else 2**32))
    return bytes(changed)
