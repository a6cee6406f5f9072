"""The fit map, over the main screen: which sizes fit, what there is to say of one, and which one to take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.screen import ModalScreen

from ...core.memory.fitmap import FitMap
from ...core.memory.fitmap_text import MARKS
from ..feeds.fit_map import Mapped, Mapper, Subject
from ..fit_kinds import FIT_KINDS
from ..size_lines import size_lines
from ..widgets.heatmap import HERE, Cell, Heatmap, Legend, samples
from ..widgets.lines import Line, Lines, plain

if TYPE_CHECKING:
    from ...core.memory.snapshot import Snapshot

_CELLS = {fit: (Cell(marks[0], FIT_KINDS[fit]), Cell(marks[1], FIT_KINDS[fit], True)) for fit, marks in MARKS.items()}

_BORDER, _PADDING, _GAP = 2, 2, 2  # cells for both sides, and between the map and the words beside it
_WORDS = (28, 40)  # cells for words beside the map: the least and the most
_BELOW = (60, 7)  # cells and lines for words below the map


@dataclass(frozen=True)
class Arrangement:
    """Whether the words stand beside the map or below it, and the (width, height) of the frame and of the map."""

    beside: bool
    frame: tuple[int, int]
    map: tuple[int, int]


def arrange(width: int, height: int, narrow: int, wide: int, rows: int) -> Arrangement:
    """Where things stand on a terminal.

    `narrow`, `wide`: what the map takes with its cells one or two terminal cells wide. `rows`: its lines.
    """
    room = height - _BORDER
    frame = _BORDER + _PADDING
    for cells in (wide, narrow):
        taken = cells + int(rows > room)  # a cell for the mark that tells where one looks
        words = min(width - frame - taken - _GAP, _WORDS[1])
        if words >= _WORDS[0]:
            lines = min(rows, room)
            return Arrangement(
                True, (taken + _GAP + words + frame, min(height, max(lines, 16) + _BORDER)), (taken, lines)
            )
    below = min(_BELOW[1], room // 2)
    lines = max(1, min(rows, room - below))
    cells = min(next((cells for cells in (wide, narrow) if cells < width - frame), narrow) + 1, max(1, width - frame))
    return Arrangement(False, (min(width, max(cells, _BELOW[0]) + frame), lines + below + _BORDER), (cells, lines))


class FitMapScreen(ModalScreen[tuple[int, int] | None]):
    """Returns the size that was taken, as (height, width) in px, or None. The map follows what is free."""

    BINDINGS: ClassVar = [Binding("escape,q,m", "close", "Close", show=False)]
    DEFAULT_CSS = """
    FitMapScreen {
        align: center middle;
        & > #frame { border: round $border; padding: 0 1; background: $surface; layout: vertical; }
        #frame.-beside { layout: horizontal; }
        #words { height: 1fr; }
        #about { height: 1fr; }
        #legend { height: 2; }
        #frame.-beside #legend { height: 6; }
        #frame.-beside #words { width: 1fr; margin-left: 2; padding-top: 1; }
    }
    """

    def __init__(self, subject: Subject) -> None:
        """`subject`: the job at the size where the cursor is to stand, and what is free now."""
        super().__init__()
        self._subject = subject
        self._sides = subject.sides
        self._mapper = Mapper(self.post_message)
        self._verdicts: FitMap | None = None
        self._problem = ""  # why there is no map

    def compose(self) -> ComposeResult:
        spec, labels = self._subject.spec, [str(side) for side in self._sides]
        self._map = Heatmap(labels, labels, (self._nearest(spec.height), self._nearest(spec.width)))
        self._about, self._legend = Lines(wrap=True, id="about"), Legend(self._map, id="legend")
        self._frame = Container(self._map, Vertical(self._about, self._legend, id="words"), id="frame")
        self._frame.border_title = "Fit map: height ↓ × width → in px"
        self._frame.border_subtitle = "arrows move, ⇧ by four · x swaps · enter takes · esc"
        self._arrange()  # now, while a change of style concerns nobody else
        yield self._frame

    def on_mount(self) -> None:
        self._show_about()
        self._mapper.start()
        self._mapper.want(self._subject)

    def on_unmount(self) -> None:
        self._mapper.stop()

    def renew(self, now: Snapshot) -> None:
        """Something else is free now: the map changes when it is drawn, and the words with it."""
        if self.is_attached and now != self._subject.now:
            self._subject = replace(self._subject, now=now)
            self._mapper.want(self._subject)

    def _show_map(self) -> None:
        map, places = self._verdicts, range(len(self._sides))
        if map is None:
            self._map.show([[Cell(" ")] * len(places)] * len(places))
        else:
            self._map.show([[_CELLS[map.fits[i][j]][map.extreme(i, j)] for j in places] for i in places])

    def _nearest(self, length: int) -> int:
        return min(range(len(self._sides)), key=lambda index: abs(self._sides[index] - length))

    @property
    def size_here(self) -> tuple[int, int]:
        """Height and width (px) under the cursor."""
        row, column = self._map.cursor
        return self._sides[row], self._sides[column]

    # ---- words

    def _show_about(self) -> None:
        subject = self._subject
        row, column = self._map.cursor
        mapped = self._verdicts.fits[row][column] if self._verdicts else None
        lines = size_lines(subject, self.size_here, mapped)
        self._about.show([*lines, plain(self._problem, "error")] if self._problem else lines)

    def _show_legend(self, beside: bool) -> None:
        here = (*samples([Cell(HERE, "cursor")]), (" the cursor", ""))
        if beside:
            parts: list[Line] = [(*samples(cells), (f" {fit}", "")) for fit, cells in _CELLS.items()]
            parts += [plain("    ╰ with a ratio beyond 4:1", "dim"), here]
        else:
            wise = [piece for fit, cells in _CELLS.items() for piece in (*samples(cells[:1]), (f"{fit} ", ""))]
            beyond = [piece for cells in _CELLS.values() for piece in samples(cells[1:])]
            parts = [tuple(wise), (*beyond, (" beyond 4:1  ", ""), *here)]
        self._legend.show(parts)

    # ---- where things stand

    def on_resize(self, _: events.Resize) -> None:
        self._arrange()

    def _arrange(self) -> None:
        map, frame = self._map, self._frame
        place = arrange(*self.app.size, map.width_of(1), map.width_of(2), map.HEAD + map.count)
        frame.set_class(place.beside, "-beside")
        frame.styles.width, frame.styles.height = place.frame
        map.styles.width, map.styles.height = place.map
        self._show_legend(place.beside)

    # ---- what is told and wanted

    @on(Mapped)
    def _mapped(self, event: Mapped) -> None:
        self._problem, self._verdicts = event.problem, event.map
        self._show_about()
        self._show_map()

    @on(Heatmap.Moved)
    def _moved(self) -> None:
        self._show_about()

    @on(Heatmap.Chosen)
    def _chosen(self) -> None:
        self.dismiss(self.size_here)

    def action_close(self) -> None:
        self.dismiss(None)
