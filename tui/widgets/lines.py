"""Lines of styled text, of which only the changed ones are painted again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import ClassVar, TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Size

from ...core.text import brief, escaped
from .window import Window

_LONGEST = 10_000  # characters of a piece; nobody reads more of it, and a path of Linux, escaped, has room

# A word, with the spaces before it. A figure and its unit are one.
_WORD = re.compile(r"\s*(?:\d[\d.,/]* (?:%|°C|px|s|[kMG]i?B)(?!\w)|\S+)|\s+$")

# Pieces of text, each with its kind: "dim", "good", "warning", "error", "accent", "strong", or "" for plain.
# A kind that begins with "@" is an action: the piece can be clicked.
Piece: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Piece, ...]


def plain(text: str, kind: str = "") -> Line:
    """A line of one kind."""
    return ((text, kind),)


def harmless(line: Line) -> Line:
    """A line whose text is escaped, and no longer than a person can use."""
    return tuple((brief(escaped(text), _LONGEST), kind) for text, kind in line)


def wrapped(line: Line, width: int, indent: str = "  ") -> Iterator[Line]:
    """A line as lines of at most `width` cells, broken between words; all but the first begin with `indent`.

    A word that is longer than a line is cut into pieces that fit.
    """
    pieces: list[Piece] = []
    used = 0
    for text, kind in line:
        for word in _WORD.findall(text):
            if used and used + cell_len(word.rstrip()) > width:
                yield tuple(pieces)
                pieces, used = [(indent, "")], len(indent)
                word = word.lstrip()
            while used + cell_len(word) > width and len(word) > 1:
                head = chop_cells(word, max(1, width - used))[0] or word[0]
                yield (*pieces, (head, kind))
                pieces, used = [(indent, "")], len(indent)
                word = word[len(head) :]
            pieces.append((word, kind))
            used += cell_len(word)
    yield tuple(pieces)


@lru_cache(20_000)
def _parts(line: Line, width: int) -> tuple[Line, ...]:
    """As `wrapped`. A log of thousands of lines is wrapped anew with each that is added to it."""
    return tuple(wrapped(line, width))


def cut(text: str, width: int) -> str:
    """A text in so many cells at most; what is cut ends in an ellipsis."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"


def cut_line(line: Line, width: int) -> Line:
    """A line in so many cells at most; where it is cut, it ends in an ellipsis."""
    if sum(cell_len(text) for text, _ in line) <= width:
        return line
    pieces: list[Piece] = []
    for text, kind in line:
        if cell_len(text) >= width:  # the ellipsis stands here, whatever follows
            return (*pieces, (cut(f"{text} ", width), kind))
        pieces.append((text, kind))
        width -= cell_len(text)
    return tuple(pieces)


def difference(old: Line, new: Line) -> tuple[int, int]:
    """Where two lines differ: the first cell that does, and the one after the last."""
    before, after = _cells(old), _cells(new)
    length = max(len(before), len(after))
    before += [(" ", "")] * (length - len(before))
    after += [(" ", "")] * (length - len(after))
    different = [cell for cell in range(length) if before[cell] != after[cell]]
    return (different[0], different[-1] + 1) if different else (0, 0)


def _cells(line: Line) -> list[Piece]:
    """What stands in each cell of a line; the second cell of a wide character is empty."""
    return [cell for text, kind in line for char in text for cell in ((char, kind), ("", kind))[: cell_len(char)]]


class Lines(Window):
    """A column of lines. Owners replace them as they please; the wire sees the difference."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--dim", "lines--good", "lines--warning", "lines--error", "lines--accent", "lines--strong",
        "lines--found",
    }  # fmt: skip
    DEFAULT_CSS = """
    Lines {
        & > .lines--dim { color: $text-muted; }
        & > .lines--good { color: $text-success; }
        & > .lines--warning { color: $text-warning; }
        & > .lines--error { color: $text-error; }
        & > .lines--accent { color: $text-accent; }
        & > .lines--strong { text-style: bold; }
        & > .lines--found { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "look(-1)", "Up", show=False),
        Binding("down,j", "look(1)", "Down", show=False),
        Binding("pageup,ctrl+b,b", "look_page(-1)", "Page up", show=False),
        Binding("pagedown,space,ctrl+f", "look_page(1)", "Page down", show=False),
        Binding("ctrl+u", "look_page(-0.5)", "Half a page up", show=False),
        Binding("ctrl+d", "look_page(0.5)", "Half a page down", show=False),
        Binding("home,g", "look_first", "First", show=False),
        Binding("end,G", "look_last", "Last", show=False),
    ]

    def __init__(self, *, wrap: bool = False, focusable: bool = False, id: str | None = None) -> None:
        """`wrap`: long lines are broken; otherwise they are cut. `focusable`: keys may scroll it."""
        super().__init__(id=id)
        self.can_focus = focusable
        self._wrap = wrap
        self._found = -1  # the row that a search has led to
        self._source: tuple[Line, ...] = ()
        self._lines: tuple[Line, ...] = ()

    @property
    def count(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines, before they are broken."""
        return self._source

    @property
    def text(self) -> str:
        """All lines without their styles."""
        return "\n".join("".join(text for text, _ in line) for line in self._source)

    @property
    def at_end(self) -> bool:
        """Whether the last line is in view."""
        return self.top >= self.last_top

    def show(self, lines: Sequence[Line], *, end: bool = False) -> None:
        """Replace the lines; those that are equal to what stands there are not painted. `end`: look at the last.

        Their text may be anybody's: it is shown escaped.
        """
        self._source = tuple(map(harmless, lines))
        self._break()
        if end:
            self.look_at(self.last_top)

    def reveal(self, start: int, stop: int) -> None:
        """Bring these of the lines into view, as they were before they were broken; the first one at any rate."""
        before, inside = (
            sum(len(tuple(wrapped(line, self.text_width))) if self._wrap else 1 for line in lines)
            for lines in (self._source[:start], self._source[start:stop])
        )
        self.bring_into_view(before + inside - 1)
        self.bring_into_view(before)

    def on_resize(self, _: events.Resize) -> None:
        self._break()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._broken(width))

    def _broken(self, width: int) -> tuple[Line, ...]:
        if not self._wrap or width <= 4:
            return self._source
        return tuple(part for line in self._source for part in _parts(line, width))

    def _break(self) -> None:
        before, width = self._lines, self.text_width
        self._lines = self._broken(self.size.width)
        if len(self._lines) > self.room:
            self._lines = self._broken(self.size.width - 1)  # the mark takes a cell
        if self.styles.is_auto_height and len(before) != len(self._lines):
            self.refresh(layout=True)
        if self.text_width != width:
            self.refresh()
        self.look_at(self._top)  # there may be fewer lines now, or more room
        for index in range(max(len(before), len(self._lines))):
            old = before[index] if index < len(before) else ()
            new = self._lines[index] if index < len(self._lines) else ()
            start, end = difference(old, new) if old != new else (0, 0)
            if start < end:
                self.paint(index, start, end)

    def action_look(self, by: int) -> None:
        self.scroll_by_hand(self.top + by)

    def action_look_page(self, pages: float) -> None:
        self.scroll_by_hand(self.top + int(pages * max(2, self.room - 1)))

    def action_look_first(self) -> None:
        self.scroll_by_hand(0)

    def action_look_last(self) -> None:
        self.scroll_by_hand(self.last_top)

    def draw(self, index: int, width: int, base: Style) -> list[Segment]:
        if index >= len(self._lines):
            return []
        if self.sought and self.sought.casefold() in self.text_of(index).casefold():
            base = base + self.get_component_rich_style("lines--found")
            return [Segment(cut(self.text_of(index), width), base)]
        return [Segment(text, self._style(kind, base)) for text, kind in cut_line(self._lines[index], width)]

    def text_of(self, index: int) -> str:
        return "".join(text for text, _ in self._lines[index])

    @property
    def place(self) -> int:
        """Where one searches from: a row that was found may be the last one, which is never at the top."""
        return self._found if self.top <= self._found < self.top + max(1, self.room) else self.top

    def go_to_row(self, index: int) -> None:
        self._found = index
        self.scroll_by_hand(max(0, index - self.room // 2))

    def _style(self, kind: str, base: Style) -> Style:
        if not kind:
            return base
        if kind.startswith("@"):
            return base + Style.from_meta({"@click": kind[1:]})
        return self.get_component_rich_style(f"lines--{kind}")
