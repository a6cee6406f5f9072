"""A protobuf message with some of its fields changed, without knowing what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias

from support.fuzz.dice import Dice

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_DEEP = 12
_MOST_PLAIN = 4096  # bytes: what is longer is a tensor's data, and no message


@dataclass
class _Field:
    """A field of a message. `value`: a number, bytes, or the fields of a message inside."""

    number: int
    wire: int
    value: int | bytes | list[_Field]


_Fields: TypeAlias = list[_Field]


def changed(data: bytes, dice: Dice) -> bytes:
    """The message, changed in one place or in a few."""
    if dice.chance(0.05):
        return dice.bytes_changed(data)
    fields = _parsed(data, 0)
    assert fields is not None
    for _ in range(dice.few()):
        everywhere = [inner for inner in _messages(fields) if inner]
        if everywhere:
            _change(dice.choice(everywhere), everywhere, dice)
    return _written(fields)


def _change(fields: _Fields, everywhere: list[_Fields], dice: Dice) -> None:
    i = dice.randrange(len(fields))
    field = fields[i]
    match dice.randrange(9):
        case 0:
            del fields[i]
        case 1:
            fields[i:i] = [field] * dice.times()
        case 2:
            j = dice.randrange(len(fields))
            fields[i], fields[j] = fields[j], field
        case 3:
            fields[i] = _Field(dice.one_of(field.number + 1, dice.randrange(1, 30)), field.wire, field.value)
        case 4:
            other = dice.choice(dice.choice(everywhere))
            fields[i] = _Field(field.number, other.wire, deepcopy(other.value))  # it may be one around this
        case 5 if isinstance(field.value, list):  # the same inside of itself, some levels deep
            inner = field
            for _ in range(dice.one_of(1, 2, 10, 60)):
                inner = _Field(field.number, _BYTES, [*field.value, inner])
            fields[i] = inner
        case _:
            fields[i] = _Field(field.number, field.wire, _otherwise(field, dice))


def _otherwise(field: _Field, dice: Dice) -> int | bytes | _Fields:
    match field.value:
        case int():
            bits = {_FIXED64: 64, _FIXED32: 32}.get(field.wire, 64)
            return (dice.integer() if dice.chance(0.8) else field.value + 1) % 2**bits
        case bytes():
            return dice.bytes_changed(field.value) if dice.chance(0.4) else dice.text().encode("utf-8", "surrogatepass")
        case _:
            return dice.text().encode("utf-8", "surrogatepass") if dice.chance(0.3) else []


def _messages(fields: _Fields) -> Iterator[_Fields]:
    yield fields
    for field in fields:
        if isinstance(field.value, list):
            yield from _messages(field.value)


def _parsed(data: bytes, depth: int) -> _Fields | None:
    """The fields; None for what is no message."""
    fields: _Fields = []
    place = 0
    try:
        while place < len(data):
            key, place = _varint(data, place)
            number, wire = key >> 3, key & 7
            if not 0 < number < 1000:
                return None
            match wire:
                case 0:
                    value, place = _varint(data, place)
                case 1 | 5:
                    width = 8 if wire == _FIXED64 else 4
                    value, place = int.from_bytes(data[place : place + width], "little"), place + width
                case 2:
                    length, place = _varint(data, place)
                    inner, place = data[place : place + length], place + length
                    small = depth < _MOST_DEEP and (depth < 2 or length <= _MOST_PLAIN)
                    parsed = _parsed(inner, depth + 1) if small and inner else None
                    value = inner if parsed is None else parsed
                case _:
                    return None
            fields.append(_Field(number, wire, value))
    except IndexError:
        return None
    return fields if place == len(data) else None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise IndexError


def _written(fields: _Fields) -> bytes:
    out = bytearray()
    for field in fields:
        out += _spelled(field.number << 3 | field.wire)
        match field.value:
            case list() as inner:
                data = _written(inner)
                out += _spelled(len(data)) + data
            case bytes() as data:
                out += (_spelled(len(data)) if field.wire == _BYTES else b"") + data
            case int() as number:
                width = {_FIXED64: 8, _FIXED32: 4}.get(field.wire)
                out += number.to_bytes(width, "little") if width else _spelled(number)
    return bytes(out)


def _spelled(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
