"""Seeded draws, with a liking for values at which something may break."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_INTEGERS = (
    *(0, 1, -1, 2, 3, 5, 7, 13, 16, 24, 31, 32, 63, 64, 65, 100, 127, 128, 255, 256, 1000, 1024, 4095, 4096, 4097),
    *(2**15, 2**16 - 1, 2**16, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**53, 2**61 - 1, 2**62),
    *(2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**15), -(2**31), -(2**63), 10**20, 2**511, 2**512, -(2**600), 10**1300),
)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 7.0, 1e-300, 1e38, 1e39, 1e300, float("inf"), float("-inf"), float("nan"))
_TEXTS = (
    *("", " ", "0", "1", "-1", "x", "model", "ema", "weight", "a.b", ".", "..", "../x", "/etc/passwd", "x\0y", "\n"),
    *("\x1b[2J", "\x9b31m", "\u202e", "\ud800", "\udcff", "é", "\U0001f600", "e\u0301\u0301\u0301\u0301\u0301"),
    *("9" * 5000, "n" * 1024, "n" * 1025, "é" * 3000, "{stem}", "%s", "NaN", "1e999", "None", "-0", "0x10"),
)


class Dice(random.Random):
    """Draws for one case: the same name gives the same draws on every machine."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def chance(self, share: float) -> bool:
        """True in so many of all cases."""
        return self.random() < share

    def one_of(self, *values: T) -> T:
        """One of the arguments."""
        return self.choice(values)

    def integer(self) -> int:
        """A whole number, often one at a limit."""
        if self.chance(0.3):
            return self.randrange(-3, 100)
        return self.choice(_INTEGERS) + (self.one_of(-1, 1) if self.chance(0.1) else 0)

    def real(self) -> float:
        """A number, often none that a network has."""
        return self.choice(_FLOATS) if self.chance(0.8) else self.uniform(-1000, 1000)

    def text(self, known: Sequence[str] = ()) -> str:
        """A text: one of those that stand in the file, or one that should stand in none."""
        return self.choice(known) if known and self.chance(0.5) else self.choice(_TEXTS)

    def few(self) -> int:
        """How many changes: one mostly, rarely more than three."""
        count = 1
        while count < 12 and self.chance(0.35):
            count += 1
        return count

    def times(self) -> int:
        """How often something is repeated."""
        return self.one_of(1, 1, 1, 2, 3, 10, 100, 1000)

    def part(self, length: int, most: int = 60) -> slice:
        """A piece of something that is so long; of an empty thing, all."""
        start = self.randrange(length) if length else 0
        return slice(start, start + self.randrange(1, most))

    def bytes_changed(self, data: bytes) -> bytes:
        """Bytes with some of them flipped, taken away, repeated or put in."""
        changed = bytearray(data)
        for _ in range(self.few()):
            piece = self.part(len(changed), 16)
            match self.randrange(5):
                case 0 if changed:
                    changed[piece.start] ^= 1 << self.randrange(8)
                case 1 if changed:
                    changed[piece.start] = self.one_of(0, 1, 0x7F, 0x80, 0xFF, self.randrange(256))
                case 2:
                    del changed[piece]
                case 3:
                    changed[piece.start : piece.start] = changed[piece] * min(self.times(), 100)
                case _:
                    changed[piece.start : piece.start] = self.randbytes(self.randrange(1, 9))
        return bytes(changed)
