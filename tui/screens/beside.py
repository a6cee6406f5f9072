"""A command that runs beside the screen, over the main one: its lines as they come; esc ends it and closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..clipboard import copy
from ..feeds.shell import Ended, Printed, Shell
from ..option_words import on_screen
from ..widgets.border import bordered
from ..widgets.finder import Finder
from ..widgets.lines import Line, plain
from ..widgets.tail import Tail


class Beside(ModalScreen[int | None]):
    """Returns the exit code of the command, or None if it was ended."""

    BINDINGS: ClassVar = [
        Binding("escape,q", "close", "Close", show=False),
        Binding("c", "copy", "Copy", show=False),
        Binding("slash", "search", "Search", show=False),
        Binding("n", "search_on(1)", "Next found", show=False),
        Binding("N", "search_on(-1)", "Last found", show=False),
    ]
    DEFAULT_CSS = """
    Beside {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 110; height: auto; max-height: 90%;
            border: round $border; padding: 0 1; background: $surface;
        }
        #printed { height: auto; max-height: 100%; min-height: 3; }
    }
    """

    def __init__(self, title: str, module: str, arguments: Sequence[str]) -> None:
        """`module`: that Python runs, with these arguments."""
        super().__init__()
        self._title, self._command = title, (module, tuple(arguments))
        self._printed: list[Line] = []
        self._shell: Shell | None = None
        self._code: int | None = None

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = bordered(self._title)
        box.border_subtitle = "runs … · esc ends it"
        with box:
            yield Tail(id="printed")
            yield Finder(id="beside-finder")

    @property
    def _lines(self) -> Tail:
        return self.query_one(Tail)

    def on_mount(self) -> None:
        self._lines.show([plain("begins …", "dim")])
        self._lines.focus()
        self._shell = Shell(*self._command, self.post_message)

    def on_unmount(self) -> None:
        if self._shell is not None:
            self._shell.stop()

    @on(Printed)
    def _took(self, event: Printed) -> None:
        self._printed.append(plain(on_screen(event.text)))
        self._lines.show(self._printed)

    @on(Ended)
    def _ended(self, event: Ended) -> None:
        self._code = event.code
        if not self._printed:
            self._lines.show([plain("it printed nothing", "dim")])
        told = "done" if event.code == 0 else f"failed (exit code {event.code})"
        self.query_one(Vertical).border_subtitle = f"{told} · esc closes · / searches · c copies"

    def action_close(self) -> None:
        self.dismiss(self._code)

    def action_copy(self) -> None:
        self.query_one(Vertical).border_subtitle = bordered(copy(self.app, self._lines.text))

    def action_search(self) -> None:
        self.query_one(Finder).open(self._lines)

    def action_search_on(self, direction: int) -> None:
        told = self.query_one(Finder).go_on(self._lines, direction)
        self.query_one(Vertical).border_subtitle = bordered(told)
