"""The line to search with: `/` opens it over a list or a log, enter leaves it, `n` and `N` go on."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from .fields import TextField
from .lines import Lines, plain
from .window import Window


class Finder(Horizontal):
    """Looks for a text in the rows of a window; the first one from where the person is comes into view."""

    DEFAULT_CSS = """
    Finder {
        height: 1; display: none; padding: 0 1;
        &.-open { display: block; }
        Static { width: 2; color: $text-accent; }
        TextField { width: 1fr; background: $boost; }
        Lines { width: 24; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._window: Window | None = None
        self._began = 0

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False)
        yield TextField(placeholder="search; enter, then n and N go on", id=f"{self.id}-text")
        yield Lines()

    @property
    def _field(self) -> TextField:
        return self.query_one(TextField)

    def open(self, window: Window) -> None:
        """Search in this one."""
        self._window, self._began = window, window.place
        self._field.value = ""
        self.add_class("-open")
        self.screen.set_focus(self._field)

    def go_on(self, window: Window, direction: int) -> str:
        """To the next row (1) or the one before (-1) that has the text; what to say of it."""
        if not window.sought:
            return "nothing is searched for; / begins"
        return _said(window, window.seek(window.sought, window.place + direction, direction))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._window is not None:
            found = self._window.seek(event.value, self._began, 1)
            self.query_one(Lines).show([plain(_said(self._window, found) if event.value else "", "dim")])

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "up", "down"):
            event.stop()
            event.prevent_default()
            self.close()

    def close(self) -> None:
        """Go back to where the search was opened."""
        self.remove_class("-open")
        if self._window is not None:
            self.screen.set_focus(self._window)


def _said(window: Window, found: bool) -> str:
    if not found:
        return f"nothing has “{window.sought}”"
    number, count = window.found
    return f"{number} of {count}"
