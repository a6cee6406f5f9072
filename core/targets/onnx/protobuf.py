"""Protobuf's wire format: a field is a tag (its number · 8 + its wire type) and a value.

Integers are varints; strings and messages carry their length before them (protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types

# What becomes of a field that has a length: its number, and where its content ends; the file is where it begins. What
# comes back takes its place; None: it stays as it is.
Change = Callable[[int, int], bytes | None]


def varint(value: int) -> bytes:
    """An integer, seven bits a byte, the lowest first; a negative one has 64 bits."""
    value &= 2**64 - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def integer(number: int, value: int) -> bytes:
    """A field that is an integer."""
    return varint(number << 3 | _VARINT) + varint(value)


def float32(number: int, value: float) -> bytes:
    """A field that is a float."""
    return varint(number << 3 | _FOUR_BYTES) + struct.pack("<f", value)


def opening(number: int, nbytes: int) -> bytes:
    """What comes before the bytes of a message, or of raw data."""
    return varint(number << 3 | _LENGTH) + varint(nbytes)


def message(number: int, *parts: bytes) -> bytes:
    """A field that is a message of these fields."""
    content = b"".join(parts)
    return opening(number, len(content)) + content


def text(number: int, value: str) -> bytes:
    """A field that is a string."""
    return message(number, value.encode("utf-8"))


def changed(file: IO[bytes], end: int, change: Change) -> bytes:
    """The message that lies in a file from here up to `end`, with some of its fields changed.

    Raises `ValueError` for what is no message, or ends in the middle of one.
    """
    kept = bytearray()
    start = place = file.tell()  # from `start` on, all fields so far are kept as they are
    while place < end:
        tag = _read_varint(file)
        wire, number = tag & 7, tag >> 3
        if wire == _LENGTH:
            nbytes = _read_varint(file)
            content = file.tell()
            after = content + nbytes
            if after > end:
                break
            instead = change(number, after)
            if instead is not None:
                file.seek(start)
                kept += file.read(place - start) + instead
                start = after
            file.seek(after)
        elif wire == _VARINT:
            _read_varint(file)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            file.seek(8 if wire == _EIGHT_BYTES else 4, 1)
        else:
            break
        place = file.tell()
    if place != end:
        raise ValueError("it is no protobuf message, or cut short")
    file.seek(start)
    return bytes(kept + file.read(end - start))


def _read_varint(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("it is no protobuf message, or cut short")
