"""The last gate before the terminal: no cell of any widget, Textual's own too, holds what a terminal acts on."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from ...core.text import respelled


class Guard(LineFilter):
    """Puts a dot in each cell of a hidden character; one that takes no cell goes.

    Widgets that show text of others escape it, for they know what room it needs. What comes here unescaped, as the
    text in a field to type into, is laid out already: its width stays.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [guarded for segment in segments if (guarded := _guarded(segment)).text or guarded.control]


def _guarded(segment: Segment) -> Segment:
    text = respelled(segment.text, _dots)
    return segment if text == segment.text else Segment(text, segment.style)


def _dots(char: str) -> str:
    return "·" * cell_len(char)


GUARD = Guard()
