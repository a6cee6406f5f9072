"""Something to read, over the main screen: help, a report, a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding

from ..widgets.lines import Line, Lines
from .lines_box import LinesBox


class Reader(LinesBox[None]):
    """Lines under a title. Any of the usual keys closes it."""

    BINDINGS: ClassVar = [Binding("escape,q,enter,question_mark,f9", "close", "Close", show=False)]

    def __init__(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        """`copied`: what the copy key copies, if that is not the text itself."""
        self._shown = Lines(wrap=True, focusable=True, id="text")
        super().__init__(title, self._shown, "esc closes · / searches · c copies")
        self._lines, self._copied = lines, copied

    @property
    def copied(self) -> str:
        return self._copied or super().copied

    def on_mount(self) -> None:
        self._shown.show(self._lines)
        self._shown.focus()

    def action_close(self) -> None:
        self.dismiss()
