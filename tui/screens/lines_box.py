"""A box of lines over the screen, with a title: they can be searched and copied."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..clipboard import copy
from ..widgets.border import bordered
from ..widgets.finder import Finder
from ..widgets.lines import Lines

Result = TypeVar("Result")


class LinesBox(ModalScreen[Result]):
    """A subclass says which widget has the lines, and what `action_close` returns."""

    BINDINGS: ClassVar = [
        Binding("slash", "search", "Search", show=False),
        Binding("n", "search_on(1)", "Next found", show=False),
        Binding("N", "search_on(-1)", "Last found", show=False),
        Binding("c", "copy", "Copy", show=False),
    ]
    DEFAULT_CSS = """
    LinesBox {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 110; height: auto; max-height: 90%;
            border: round $border; padding: 0 1; background: $surface;
        }
        #text { height: auto; max-height: 100%; }
    }
    """

    def __init__(self, title: str, lines: Lines, footer: str) -> None:
        """`lines`: the widget, whose id is `text`. `footer`: what stands below them at first."""
        super().__init__()
        self._title, self._text, self._footer = title, lines, footer

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = bordered(self._title)
        box.border_subtitle = bordered(self._footer)
        with box:
            yield self._text
            yield Finder(id="box-finder")

    def tell(self, text: str) -> None:
        """Put a text below the lines."""
        self.query_one(Vertical).border_subtitle = bordered(text)

    @property
    def copied(self) -> str:
        """What the copy key copies."""
        return self._text.text

    def action_copy(self) -> None:
        self.tell(copy(self.app, self.copied))

    def action_search(self) -> None:
        self.query_one(Finder).open(self._text)

    def action_search_on(self, direction: int) -> None:
        self.tell(self.query_one(Finder).go_on(self._text, direction))
