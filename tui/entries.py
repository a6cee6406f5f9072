"""A line of the log, and how serious it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.text import brief
from .option_words import on_screen
from .widgets.lines import Line

_LONGEST = 1000  # characters


@dataclass(frozen=True)
class Entry:
    """A line and its level: 0 as usual, 1 a warning, 2 an error."""

    line: Line
    level: int = 0


def printed(text: str) -> Entry:
    """A line that a worker printed, as it is."""
    return Entry(((brief(text, _LONGEST), "dim"),))


def entry(text: str, kind: str = "", level: int = 0) -> Entry:
    """A text from anywhere as one line."""
    return Entry(((brief(on_screen(text), _LONGEST), kind),), level)
