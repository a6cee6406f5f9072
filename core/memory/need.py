"""What something needs in memory: terms, each between a least that is certain and a most that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from ..network.ops import Dim


@dataclass(frozen=True)
class Term:
    """A part of a need, in bytes. `note`: where the figure comes from, or what it depends on."""

    name: str
    low: Dim
    high: Dim
    note: str = ""


@dataclass(frozen=True)
class Need:
    """Terms that add up. `low`: the certain least. `high`: what suffices, as far as it was measured."""

    terms: tuple[Term, ...]

    @property
    def low(self) -> Dim:
        """The least, in bytes: with less, it cannot succeed."""
        total: Dim = 0
        for term in self.terms:
            total = total + term.low
        return total

    @property
    def high(self) -> Dim:
        """The most, in bytes."""
        total: Dim = 0
        for term in self.terms:
            total = total + term.high
        return total


def exact(name: str, nbytes: Dim, note: str = "") -> Term:
    """A term that is known to the byte."""
    return Term(name, nbytes, nbytes, note)


def larger(a: Dim, b: Dim) -> Dim:
    """The larger of two numbers, or of each pair where they are arrays."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    import numpy as np

    return np.maximum(a, b)
