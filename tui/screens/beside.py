"""A command that runs beside the screen, over the main one: its lines as they come; esc ends it and closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding

from ..feeds.shell import Ended, Printed, Shell
from ..option_words import on_screen
from ..widgets.lines import Line, plain
from ..widgets.tail import Tail
from .lines_box import LinesBox


class Beside(LinesBox[int | None]):
    """Returns the exit code of the command, or None if it was ended."""

    BINDINGS: ClassVar = [Binding("escape,q", "close", "Close", show=False)]
    DEFAULT_CSS = "Beside #text { min-height: 3; }"

    def __init__(self, title: str, module: str, arguments: Sequence[str]) -> None:
        """`module`: that Python runs, with these arguments."""
        self._lines = Tail(id="text")
        super().__init__(title, self._lines, "runs … · esc ends it")
        self._command = (module, tuple(arguments))
        self._printed: list[Line] = []
        self._shell: Shell | None = None
        self._code: int | None = None

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
        self.tell(f"{told} · esc closes · / searches · c copies")

    def action_close(self) -> None:
        self.dismiss(self._code)
