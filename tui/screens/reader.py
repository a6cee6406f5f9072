"""Something to read, over the main screen: help, a report, a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..clipboard import copy
from ..widgets.border import bordered
from ..widgets.lines import Line, Lines


class Reader(ModalScreen[None]):
    """Lines under a title. Any of the usual keys closes it."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter,question_mark,f1", "close", "Close", show=False),
        Binding("c", "copy", "Copy", show=False),
    ]
    DEFAULT_CSS = """
    Reader {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 110; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        Lines { height: auto; max-height: 100%; }
    }
    """

    def __init__(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        """`copied`: what the copy key copies, if that is not the text itself."""
        super().__init__()
        self._title, self._lines, self._copied = title, lines, copied

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = bordered(self._title)
        box.border_subtitle = "esc closes · c copies"
        with box:
            yield Lines(wrap=True, focusable=True)

    def on_mount(self) -> None:
        lines = self.query_one(Lines)
        lines.show(self._lines)
        lines.focus()

    def action_close(self) -> None:
        self.dismiss()

    def action_copy(self) -> None:
        told = copy(self.app, self._copied or self.query_one(Lines).text)
        self.query_one(Vertical).border_subtitle = bordered(told)
