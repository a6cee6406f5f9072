"""A widget with more rows than room: which of them are in view, and a mark at its right that tells where.

Textual's own scroll bars lay out the whole screen anew when they come, go or take the focus: 20 kB on the wire.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Window(Widget):
    """Rows of which some are in view. Subclasses tell how many there are, and draw them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"window--mark"}
    DEFAULT_CSS = """
    Window {
        & > .window--mark { color: $text-muted; }
    }
    """
    HEAD: ClassVar[int] = 0  # rows at the top that stay

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._top = 0
        self.sought = ""  # the text that was searched for last

    @property
    def place(self) -> int:
        """The row where the person is."""
        return self._top

    def text_of(self, index: int) -> str:
        """What stands in a row, to search in."""
        raise NotImplementedError

    def go_to_row(self, index: int) -> None:
        """Show a row that was searched for."""
        self.scroll_by_hand(index)

    @property
    def _hits(self) -> list[int]:
        """The rows that have what is searched for, whatever the case of its letters."""
        wanted = self.sought.casefold()
        return [index for index in range(self.count) if wanted in self.text_of(index).casefold()] if wanted else []

    @property
    def found(self) -> tuple[int, int]:
        """The how many-eth of so many rows with the text the person is at."""
        hits = self._hits
        return sum(hit <= self.place for hit in hits), len(hits)

    def seek(self, text: str, start: int, direction: int) -> bool:
        """Go to the first row with a text from `start` on, down (1) or up (-1), and round; False if there is none."""
        changed, self.sought = text != self.sought, text
        hits = self._hits
        if changed:
            self.refresh()
        if not hits:
            return False
        ahead = [hit for hit in hits if (hit - start) * direction >= 0]
        self.go_to_row((ahead or hits)[0 if direction > 0 else -1])
        return True

    @property
    def count(self) -> int:
        """How many rows there are, without those that stay."""
        raise NotImplementedError

    def draw(self, index: int, width: int, base: Style) -> list[Segment]:
        """One row; -1 and below are those that stay. It is cut and filled to `width` cells."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """How many rows can be in view."""
        return max(0, self.size.height - self.HEAD)

    @property
    def top(self) -> int:
        """The first row in view."""
        return self._top

    @property
    def last_top(self) -> int:
        """The first row in view when the last one is."""
        return max(0, self.count - self.room)

    @property
    def text_width(self) -> int:
        """Cells for a row's text; the last cell is the mark's where there are more rows than room."""
        return self.size.width - int(self.count > self.room > 0)

    def look_at(self, top: int) -> None:
        """Bring another row to the top."""
        top = max(0, min(top, self.last_top))
        if top != self._top:
            self._top = top
            self.refresh()

    def scroll_by_hand(self, top: int) -> None:
        """The person brings another row to the top."""
        self.look_at(top)

    def bring_into_view(self, index: int) -> None:
        """Look elsewhere, if a row is not in view."""
        if self.room:
            self.look_at(min(max(self._top, index - self.room + 1), index))

    def paint(self, index: int, start: int = 0, end: int | None = None) -> None:
        """Paint one row again, if it is in view; only its cells from `start` to before `end`, if they are given."""
        row = index - self._top + self.HEAD
        if self.HEAD <= row < self.size.height:
            self.refresh(Region(start, row, (self.size.width if end is None else end) - start, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_by_hand(self._top - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_by_hand(self._top + 3)

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.text_width
        index = y - self.HEAD + (self._top if y >= self.HEAD else 0)
        if index >= max(self.count, 1):
            strip = Strip.blank(width, base)
        else:
            # Simplified: on the wire every segment is a style and its end, some 25 bytes.
            strip = Strip(self.draw(index, width, base)).extend_cell_length(width, base).crop(0, width).simplify()
        return strip if width == self.size.width else Strip([*strip, self._mark(y, base)])

    def _mark(self, y: int, base: Style) -> Segment:
        """The cell at the right: solid where the rows in view lie among all."""
        row = y - self.HEAD
        length = max(1, self.room * self.room // self.count)
        start = round((self.room - length) * self._top / max(1, self.last_top))
        solid = row >= 0 and start <= row < start + length
        return Segment("┃" if solid else " ", self.get_component_rich_style("window--mark") if solid else base)
