"""A long list with columns and a cursor: only the rows in view exist, and a move of the cursor paints two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from ...core.text import escaped
from ..path_text import shortened
from .window import Window

_LEAST = 16  # cells for the column without a width


@dataclass(frozen=True)
class Column:
    """A column: its title and width in cells (0: what is left over).

    `right`: its text is set to the right. `path`: what is too long is shortened as a path. `drop`: in which order
    columns are left out where there is no room for them, the highest first; 0 stays.
    """

    title: str
    width: int
    right: bool = False
    path: bool = False
    drop: int = 0


@dataclass(frozen=True)
class Row:
    """A row: a key that stays the same while its cells change, and its kind.

    The text of cells may be anybody's: it is shown escaped. A cell of None gives its room to the one before it.
    """

    key: str
    cells: tuple[str | None, ...]
    kind: str = ""  # "dim", "good", "warning", "error" or plain


class Listing(Window, can_focus=True):
    """Rows under a line of titles. The cursor stays on its row, wherever rows are added or removed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "listing--title", "listing--cursor", "listing--dim", "listing--good", "listing--warning", "listing--error"
    }  # fmt: skip
    DEFAULT_CSS = """
    Listing {
        & > .listing--title { color: $text-muted; text-style: bold; }
        & > .listing--cursor { background: $block-cursor-blurred-background; }
        &:focus > .listing--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
        & > .listing--dim { color: $text-disabled; }
        & > .listing--good { color: $text-success; }
        & > .listing--warning { color: $text-warning; }
        & > .listing--error { color: $text-error; }
    }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", show=False),
        Binding("ctrl+d", "page(0.5)", "Half a page down", show=False),
        Binding("home,g", "jump(0)", "First", show=False),
        Binding("end,G", "jump(-1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    HEAD = 1
    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor stands on another row; `row` is None if there is none."""

        def __init__(self, listing: Listing, row: Row | None) -> None:
            super().__init__()
            self.listing, self.row = listing, row

        @property
        def control(self) -> Listing:
            return self.listing

    class Chosen(Message):
        """Enter was pressed on a row, or it was clicked twice."""

        def __init__(self, listing: Listing, row: Row) -> None:
            super().__init__()
            self.listing, self.row = listing, row

        @property
        def control(self) -> Listing:
            return self.listing

    class Scrolled(Message):
        """Other rows are in view."""

        def __init__(self, listing: Listing) -> None:
            super().__init__()
            self.listing = listing

        @property
        def control(self) -> Listing:
            return self.listing

    def __init__(self, columns: Sequence[Column], *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self._empty = empty

    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def in_view(self) -> tuple[Row, ...]:
        """The rows that can be seen."""
        return self._rows[self.top : self.top + self.room]

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def show(self, rows: Sequence[Row], *, empty: str | None = None) -> None:
        """Replace the rows. `empty`: what stands where there are none."""
        before, current = self._rows, self.current
        self._rows = tuple(rows)
        if empty is not None and empty != self._empty:
            self._empty = empty
            self.refresh()
        place = self._place(current.key) if current else 0
        moved = place != self.cursor
        self.set_reactive(Listing.cursor, place)
        if moved or len(before) != len(self._rows):
            self.refresh()
        else:
            for index, (old, new) in enumerate(zip(before, self._rows, strict=True)):
                if old != new:
                    self.paint(index)
        self.bring_into_view(self.cursor)
        if self.current != current:
            self.post_message(self.Highlighted(self, self.current))

    def _place(self, key: str) -> int:
        """Where the row of this key is now; near where the cursor was, if it is gone."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                return index
        return max(0, min(self.cursor, len(self._rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self.paint(old)
        self.paint(new)
        self.bring_into_view(self.cursor)
        self.post_message(self.Highlighted(self, self.current))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows) + 1

    def on_resize(self) -> None:
        self.look_at(min(self.top, self.last_top))
        self.bring_into_view(self.cursor)
        self.post_message(self.Scrolled(self))

    def look_at(self, top: int) -> None:
        before = self.top
        super().look_at(top)
        if self.top != before:
            self.post_message(self.Scrolled(self))

    def go_to(self, key: str) -> None:
        """Put the cursor on a row, if there is one of this key."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = index

    def action_move(self, by: int) -> None:
        self._jump(self.cursor + by)

    def action_page(self, pages: float) -> None:
        self._jump(self.cursor + int(pages * max(2, self.room - 1)))

    @property
    def place(self) -> int:
        return self.cursor

    def text_of(self, index: int) -> str:
        return " ".join(cell for cell in self._rows[index].cells if cell is not None)

    def go_to_row(self, index: int) -> None:
        self._jump(index)

    def action_jump(self, index: int) -> None:
        self._jump(index if index >= 0 else len(self._rows) - 1)

    def _jump(self, index: int) -> None:
        self.cursor = max(0, min(index, len(self._rows) - 1))

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self, self.current))

    def on_click(self, event: events.Click) -> None:
        index = event.y - 1 + self.top
        if event.y >= 1 and index < len(self._rows):
            self.cursor = index
            if event.chain == 2:
                self.action_choose()

    def draw(self, index: int, width: int, base: Style) -> list[Segment]:
        if index < 0:
            titles = self._line([column.title for column in self._columns], width)
            return [Segment(titles, self.get_component_rich_style("listing--title"))]
        if not self._rows:
            return [Segment(escaped(self._empty), self.get_component_rich_style("listing--dim"))]
        row = self._rows[index]
        style = self.get_component_rich_style(f"listing--{row.kind}") if row.kind else base
        if index == self.cursor:
            style = style + self.get_component_rich_style("listing--cursor")
        return [Segment(self._line(row.cells, width), style)]

    def _line(self, cells: Sequence[str | None], width: int) -> str:
        columns = fitting(self._columns, width)
        cells = [cell for column, cell in zip(self._columns, cells, strict=True) if column in columns]
        fixed = sum(column.width for column in columns) + len(columns) - 1
        rooms = [column.width or max(4, width - fixed) for column in columns]
        parts: list[str] = []
        for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            if cell is None:
                continue
            room = rooms[index]
            following = index + 1
            while following < len(cells) and cells[following] is None:
                room += 1 + rooms[following]
                following += 1
            parts.append(_fitted(escaped(cell), room, column))
        return set_cell_size(" ".join(parts), width)


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that there is room for, with enough of it left for the one that takes what is left over."""
    kept = list(columns)
    while sum(column.width or _LEAST for column in kept) + len(kept) - 1 > width:
        first = max(kept, key=lambda column: column.drop)
        if not first.drop:
            break
        kept.remove(first)
    return kept


def _fitted(cell: str, room: int, column: Column) -> str:
    """A cell's text in exactly so many cells."""
    missing = room - cell_len(cell)
    if missing >= 0:
        return " " * missing + cell if column.right else cell + " " * missing
    return set_cell_size(shortened(cell, room) if column.path else set_cell_size(cell, room - 1) + "…", room)
