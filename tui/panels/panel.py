"""What all panels have in common: a border with their number and name, and their keys."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from ..commands import PANELS, bindings
from ..widgets.border import bordered


class Panel(Vertical):
    """A part of the main screen. `NAME` is its id; `TITLE` and `HELP` are for people."""

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    HELP: ClassVar[str | None] = None
    DEFAULT_CSS = """
    Panel {
        border: round $panel;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        &:focus-within { border: round $primary; border-title-color: $text; border-title-style: bold; }
    }
    """

    def __init_subclass__(cls) -> None:
        cls.BINDINGS = bindings(cls.NAME)
        super().__init_subclass__()

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self.title()

    @property
    def target(self) -> Widget:
        """What gets the focus when the person goes to this panel."""
        return next(widget for widget in self.query("*") if widget.focusable)

    def title(self, more: str = "") -> None:
        """Show number and name in the upper border, and `more` behind them."""
        self.border_title = bordered(f"{PANELS.index(self.NAME) + 1} {self.TITLE}{more}")

    def subtitle(self, text: str) -> None:
        """Show a word in the lower border; nothing is painted if it stands there already."""
        if self.border_subtitle != bordered(text).markup:
            self.border_subtitle = bordered(text)
