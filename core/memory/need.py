"""What something needs in memory: terms, each between a least and a most, and how far their sum may be off."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..network.ops import Dim
from ..units import about_mebibytes, mebibyte_range


@dataclass(frozen=True)
class Term:
    """A part of a need, in bytes. `note`: where the figure comes from, or what it depends on."""

    name: str
    low: Dim
    high: Dim
    note: str = ""


@dataclass(frozen=True)
class Need:
    """Terms that add up. `spread`: how far the sum may be off, as a part of it, beyond what the terms say.

    `certain`: with less, it cannot succeed; None where the lower end is that certain.
    """

    terms: tuple[Term, ...]
    spread: Fraction = Fraction(0)
    certain: Dim | None = None

    @property
    def low(self) -> Dim:
        """The lower end of what is predicted, in bytes."""
        total: Dim = 0
        for term in self.terms:
            total = total + term.low
        return total - _part(total, self.spread)

    @property
    def high(self) -> Dim:
        """The upper end, in bytes: this suffices, as far as it was measured."""
        total: Dim = 0
        for term in self.terms:
            total = total + term.high
        return total + _part(total, self.spread)

    @property
    def least(self) -> Dim:
        """The certain least, in bytes, and no more than the lower end."""
        return self.low if self.certain is None else smaller(self.certain, self.low)

    def __str__(self) -> str:
        """For people: one figure and how far it may be off, or both ends where they are known."""
        low, high = int(self.low), int(self.high)
        return about_mebibytes(low, high) if self.spread else mebibyte_range(low, high)


def exact(name: str, nbytes: Dim, note: str = "") -> Term:
    """A term that is known to the byte."""
    return Term(name, nbytes, nbytes, note)


def larger(a: Dim, b: Dim) -> Dim:
    """The larger of two numbers, or of each pair where they are arrays."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    import numpy as np

    return np.maximum(a, b)


def smaller(a: Dim, b: Dim) -> Dim:
    """The smaller of two numbers, or of each pair where they are arrays."""
    return -larger(-a, -b)


def _part(nbytes: Dim, part: Fraction) -> Dim:
    return nbytes * part.numerator // part.denominator
