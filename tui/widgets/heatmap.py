"""A map of cells with a cursor: every row has a label, every column too, and each cell a mark and a shade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive

from .lines import Lines, Piece, difference
from .window import Window

Place: TypeAlias = tuple[int, int]  # the row and the column of a cell

HERE = "@"  # the mark of the cell under the cursor
_LABELLED_ROWS = 4  # a label every so many rows
_LABELLED_CELLS = 8  # a label every so many terminal cells of a row


@dataclass(frozen=True)
class Cell:
    """A cell: a mark of one character, its kind ("good", "warning", "error", "dim" or plain), and its shade."""

    mark: str
    kind: str = ""
    shaded: bool = False

    @property
    def style(self) -> str:
        """The kind of its piece of text."""
        return f"{self.kind}-shaded" if self.shaded and self.kind else self.kind


_BLANK = Cell(" ")


class Heatmap(Window, can_focus=True):
    """Rows and columns of cells, two terminal cells wide where there is room for all, else one.

    Where there are more rows than lines, those in view follow the cursor. Half blocks would show two rows a line, but
    leave no room for the marks, and colours alone say nothing to those who see none or have none.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heatmap--good", "heatmap--warning", "heatmap--error", "heatmap--dim", "heatmap--good-shaded",
        "heatmap--warning-shaded", "heatmap--error-shaded", "heatmap--dim-shaded", "heatmap--cursor",
        "heatmap--label", "heatmap--here",
    }  # fmt: skip
    # Darker variants than those of text: the nearest of the 16 ANSI colours to them are green, yellow and red, while
    # the plain warning and error colours both become the same bright red.
    DEFAULT_CSS = """
    Heatmap {
        & > .heatmap--good { background: $text-success; color: $background; }
        & > .heatmap--warning { background: $text-warning; color: $background; }
        & > .heatmap--error { background: $text-error; color: $background; }
        & > .heatmap--dim { background: $text-muted; color: $background; }
        & > .heatmap--good-shaded { background: $block-cursor-blurred-background; color: $text-success; }
        & > .heatmap--warning-shaded { background: $block-cursor-blurred-background; color: $text-warning; }
        & > .heatmap--error-shaded { background: $block-cursor-blurred-background; color: $text-error; }
        & > .heatmap--dim-shaded { background: $block-cursor-blurred-background; color: $text-muted; }
        & > .heatmap--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
        & > .heatmap--label { color: $text-muted; }
        & > .heatmap--here { text-style: bold; }
    }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1, 0)", "Up", show=False),
        Binding("down,j", "move(1, 0)", "Down", show=False),
        Binding("left,h", "move(0, -1)", "Left", show=False),
        Binding("right,l", "move(0, 1)", "Right", show=False),
        Binding("shift+up,K", "move(-4, 0)", "Four up", show=False),
        Binding("shift+down,J", "move(4, 0)", "Four down", show=False),
        Binding("shift+left,H", "move(0, -4)", "Four left", show=False),
        Binding("shift+right,L", "move(0, 4)", "Four right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(0, -9999)", "First column", show=False),
        Binding("end", "move(0, 9999)", "Last column", show=False),
        Binding("x", "transpose", "Transpose", show=False),
        Binding("enter,space", "choose", "Choose", show=False),
    ]
    HEAD = 1

    cursor: reactive[Place] = reactive((0, 0), repaint=False)

    class Moved(Message):
        """The cursor stands on another cell."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Heatmap.Moved)

    class Chosen(Message):
        """Enter was pressed on a cell, or it was clicked twice."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    def __init__(self, rows: Sequence[str], columns: Sequence[str], cursor: Place, *, id: str | None = None) -> None:
        """`rows`, `columns`: their labels; at least one each. Cells are blank until they are shown."""
        super().__init__(id=id)
        self._rows, self._columns = tuple(rows), tuple(columns)
        self._cells: tuple[tuple[Cell, ...], ...] = ((_BLANK,) * len(columns),) * len(rows)
        self._left = 0
        self._painted: list[list[Piece]] = []
        self.set_reactive(Heatmap.cursor, self._within(*cursor))

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def label_width(self) -> int:
        """Terminal cells at the left, for the labels of the rows."""
        return max(map(len, self._rows)) + 1

    @property
    def cell_width(self) -> int:
        """Terminal cells of a cell."""
        return 2 if self.width_of(2) <= self.text_width else 1

    def width_of(self, cell_width: int) -> int:
        """Terminal cells that a line takes with all its columns."""
        return self.label_width + cell_width * len(self._columns)

    def show(self, cells: Sequence[Sequence[Cell]]) -> None:
        """Replace all cells; only those that differ are painted."""
        self._cells = tuple(tuple(row) for row in cells)
        self._repaint()

    # ---- the cursor

    def _within(self, row: int, column: int) -> Place:
        return max(0, min(row, len(self._rows) - 1)), max(0, min(column, len(self._columns) - 1))

    def watch_cursor(self) -> None:
        self._follow()
        self._repaint()
        self.post_message(self.Moved(self.cursor))

    def action_move(self, rows: int, columns: int) -> None:
        self.cursor = self._within(self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.room - 1), 0)

    def action_transpose(self) -> None:
        self.cursor = self._within(self.cursor[1], self.cursor[0])

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: events.Click) -> None:
        row = event.y - self.HEAD + self.top
        column = (event.x - self.label_width) // self.cell_width + self._left
        if event.y >= self.HEAD and event.x >= self.label_width and self._within(row, column) == (row, column):
            self.cursor = (row, column)
            if event.chain == 2:
                self.action_choose()

    # ---- what is in view

    @property
    def _in_view(self) -> range:
        """The columns in view."""
        room = max(1, (self.text_width - self.label_width) // self.cell_width)
        return range(self._left, min(self._left + room, len(self._columns)))

    def look_at(self, top: int) -> None:
        self._top = max(0, min(top, self.last_top))
        self._repaint()

    def on_resize(self) -> None:
        self._left = 0
        self._top = min(self._top, self.last_top)
        self._follow()
        self._painted = self._picture()
        self.refresh()

    def _follow(self) -> None:
        """Look to where the cursor is; some way further, so that not every step paints the whole map."""
        row, column = self.cursor
        if self.room and not self._top <= row < self._top + self.room:
            further = min(_LABELLED_ROWS, self.room - 1)
            top = row - further if row < self._top else row - self.room + 1 + further
            self._top = max(0, min(top, self.last_top))
        room = len(self._in_view)
        if not self._left <= column < self._left + room:
            self._left = max(0, min(column - room // 2, len(self._columns) - room))

    # ---- what stands there

    def _repaint(self) -> None:
        """Paint the cells of the terminal that differ from what stands there, be it a cursor, a map or a view."""
        before, self._painted = self._painted, self._picture()
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip(before, self._painted, strict=False)):
            start, end = difference(tuple(old), tuple(new)) if old != new else (0, 0)
            if start < end:
                regions.append(Region(start, y, end - start, 1))
        if regions:
            self.refresh(*regions)

    def _picture(self) -> list[list[Piece]]:
        marked = self.text_width < self.size.width
        rows = [self._row(y - self.HEAD + self._top) if y >= self.HEAD else self._ruler() for y in self._lines]
        if marked:
            for y, row in enumerate(rows):
                row += [(" ", "")] * (self.text_width - len(row))
                row.append((self._mark(y, Style.null()).text, "mark"))
        return rows

    @property
    def _lines(self) -> range:
        return range(min(self.size.height, self.HEAD + self.count))

    def draw(self, index: int, width: int, base: Style) -> list[Segment]:
        pieces = self._ruler() if index < 0 else self._row(index)
        return [Segment(text, self.style_of(kind, base)) for text, kind in pieces]

    def style_of(self, kind: str, base: Style) -> Style:
        """How a piece of this kind looks."""
        return self.get_component_rich_style(f"heatmap--{kind}") if kind else base

    def _row(self, index: int) -> list[Piece]:
        """A piece for each terminal cell of a row."""
        here = index == self.cursor[0]
        label = self._rows[index] if here or index % _LABELLED_ROWS == 0 else ""
        pieces = list(_apart(f"{label:>{self.label_width - 1}} ", "here" if here else "label"))
        fill = " " * (self.cell_width - 1)
        for column in self._in_view:
            cell = self._cells[index][column]
            mark, kind = (HERE, "cursor") if (index, column) == self.cursor else (cell.mark, cell.style)
            pieces += _apart(mark + fill, kind)
        return pieces

    def _ruler(self) -> list[Piece]:
        """A piece for each terminal cell of the line of labels; that of the cursor's column comes first."""
        view, width = self._in_view, self.cell_width
        pieces: list[Piece] = [(" ", "label")] * (self.label_width + width * len(view))
        labelled = (column for column in view if column % (_LABELLED_CELLS // width) == 0)
        for column in (self.cursor[1], *labelled):
            if column in view:
                text, kind = self._columns[column], "here" if column == self.cursor[1] else "label"
                start = min(self.label_width + width * (column - view.start), len(pieces) - len(text))
                if all(char == " " for char, _ in pieces[max(0, start - 1) : start + len(text) + 1]):
                    pieces[start : start + len(text)] = _apart(text, kind)
        return pieces


def _apart(text: str, kind: str) -> Iterator[Piece]:
    return ((char, kind) for char in text)


class Legend(Lines):
    """Lines in which a piece of a kind that begins with "cell " looks like a cell of a map."""

    def __init__(self, map: Heatmap, *, id: str | None = None) -> None:
        super().__init__(wrap=True, id=id)
        self._map = map

    def _style(self, kind: str, base: Style) -> Style:
        if kind.startswith("cell "):
            return self._map.style_of(kind.removeprefix("cell "), base)
        return super()._style(kind, base)


def samples(cells: Iterable[Cell]) -> Iterator[Piece]:
    """Cells as pieces of a legend."""
    return ((f" {cell.mark} ", f"cell {cell.style}") for cell in cells)
