"""What all panels have in common: a place on the screen, a border with number and name, keys, and what they show."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from ..commands import Command, bindings
from ..layout import Column, Page
from ..lessons import Lesson
from ..session import Session
from ..widgets.border import bordered


class Panel(Vertical):
    """A part of the main screen. A panel is a class of its own file, and a line in `registry.py`.

    `NAME` is its id; `TITLE`, `HELP` and `LESSONS` are for people. `COLUMN`, `PAGE`: where it stands. `STANDS_IN_FOR`:
    where there is no room for all, it is out of sight until it has the focus; then it takes the place of these.
    `COMMANDS`: its actions.
    """

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    HELP: ClassVar[str | None] = None
    LESSONS: ClassVar[tuple[Lesson, ...]] = ()
    COLUMN: ClassVar[Column] = Column.LEFT
    PAGE: ClassVar[Page] = Page.OUTPUT
    STANDS_IN_FOR: ClassVar[tuple[str, ...]] = ()
    COMMANDS: ClassVar[tuple[Command, ...]] = ()
    DEFAULT_CSS = """
    Panel {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        &:focus-within { border: round $border; border-title-color: $foreground; border-title-style: bold; }
    }
    """

    def __init_subclass__(cls) -> None:
        cls.COMMANDS = tuple(replace(command, panel=cls.NAME) for command in cls.COMMANDS)
        cls.BINDINGS = bindings(cls.COMMANDS)
        super().__init_subclass__()

    def __init__(self, number: int, session: Session) -> None:
        """`number`: of its key. `session`: the state to begin with."""
        super().__init__(id=self.NAME)
        self._number = number
        self.session = session
        self._shown: tuple[object, ...] | None = None
        self.title()

    def parts(self, session: Session) -> tuple[object, ...]:
        """The parts of the state that the panel shows: it is shown anew when one of them changes."""
        return ()

    def show(self) -> None:
        """Show the state."""

    def follow(self, session: Session) -> None:
        """Take another state, and show it if it is another one for this panel."""
        self.session = session
        parts = self.parts(session)
        if parts != self._shown:
            self._shown = parts
            self.show()

    @property
    def target(self) -> Widget:
        """What gets the focus when the person goes to this panel."""
        return next(widget for widget in self.query("*") if widget.focusable)

    def title(self, more: str = "") -> None:
        """Show number and name in the upper border, and `more` behind them."""
        self.border_title = bordered(f"{self._number} {self.TITLE}{more}")

    def subtitle(self, text: str) -> None:
        """Show a word in the lower border; nothing is painted if it stands there already."""
        if self.border_subtitle != bordered(text).markup:
            self.border_subtitle = bordered(text)
