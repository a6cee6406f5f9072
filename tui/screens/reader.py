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
from ..widgets.finder import Finder
from ..widgets.lines import Line, Lines


class Reader(ModalScreen[None]):
    """Lines under a title. Any of the usual keys closes it."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter,question_mark,f9", "close", "Close", show=False),
        Binding("slash", "search", "Search", show=False),
        Binding("n", "search_on(1)", "Next found", show=False),
        Binding("N", "search_on(-1)", "Last found", show=False),
        Binding("c", "copy", "Copy", show=False),
    ]
    DEFAULT_CSS = """
    Reader {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 110; height: auto; max-height: 90%;
            border: round $border; padding: 0 1; background: $surface;
        }
        #text { height: auto; max-height: 100%; }
    }
    """

    def __init__(self, title: str, lines: Sequence[Line], copied: str = "") -> None:
        """`copied`: what the copy key copies, if that is not the text itself."""
        super().__init__()
        self._title, self._lines, self._copied = title, lines, copied

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = bordered(self._title)
        box.border_subtitle = "esc closes · / searches · c copies"
        with box:
            yield Lines(wrap=True, focusable=True, id="text")
            yield Finder(id="reader-finder")

    def on_mount(self) -> None:
        lines = self.query_one("#text", Lines)
        lines.show(self._lines)
        lines.focus()

    def action_close(self) -> None:
        self.dismiss()

    def action_search(self) -> None:
        self.query_one(Finder).open(self.query_one("#text", Lines))

    def action_search_on(self, direction: int) -> None:
        told = self.query_one(Finder).go_on(self.query_one("#text", Lines), direction)
        self.query_one(Vertical).border_subtitle = bordered(told)

    def action_copy(self) -> None:
        told = copy(self.app, self._copied or self.query_one("#text", Lines).text)
        self.query_one(Vertical).border_subtitle = bordered(told)
