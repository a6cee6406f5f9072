"""Text for people, in pure functions: tables, paths, the titles of borders."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from .text import escaped
from .units import figure

# Pieces of a line, each with its colour: parameters of ANSI's SGR, empty for none.
Coloured: TypeAlias = Sequence[tuple[str, str]]


def table(rows: list[tuple[str, ...]], indent: str = "") -> list[str]:
    """Rows as lines, escaped, with columns as wide as they need to be."""
    shown = [tuple(map(escaped, row)) for row in rows]
    widths = [max(_width(row[i]) for row in shown) for i in range(len(shown[0]))]
    return [
        indent
        + "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def _width(text: str) -> int:
    """Cells of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    marks = sum(unicodedata.category(char) in ("Mn", "Me") for char in text)
    return len(text) - marks + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def in_noise(multiple: float | None) -> str:
    """How far a file is off, in units of the rounding noise: `1.1 × noise`; `–` where that was not measured."""
    return "–" if multiple is None else f"{figure(multiple)} × noise"


def from_home(path: Path) -> str:
    """A path for people: what lies in their home folder begins with `~/`."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)
