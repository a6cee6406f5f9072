"""Lines that grow at their end: the last one stays in view, until the person looks elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from .lines import Line, Lines


class Tail(Lines):
    """A log. Whether it follows is the person's alone: no other size, page or length of it changes that."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(wrap=True, focusable=True, id=id)
        self._follows = True

    def show(self, lines: Sequence[Line], *, end: bool = False) -> None:
        super().show(lines, end=end or self._follows)

    def follow(self) -> None:
        """Look at the last line, and stay there."""
        self._follows = True
        self.look_at(self.last_top)

    def scroll_by_hand(self, top: int) -> None:
        super().scroll_by_hand(top)
        self._follows = self.at_end

    def on_resize(self, _: events.Resize) -> None:
        super().on_resize(_)
        if self._follows:
            self.look_at(self.last_top)
