"""Which panels a terminal of some size shows at once: all, a page of three, or the one with the focus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Column(StrEnum):
    """Where a panel stands on a wide terminal; also the id of the container."""

    LEFT = "left"
    RIGHT = "right"


class Page(StrEnum):
    """Where a panel stands on a terminal with room for half of them: what a job is made of, or what came of it."""

    INPUT = "input"
    OUTPUT = "output"


class Mode(StrEnum):
    """How much is shown at once; also the class of the screen that the style sheet knows."""

    WHOLE = "whole"
    INPUT_PAGE = "input-page"
    OUTPUT_PAGE = "output-page"
    SINGLE = "single"


@dataclass(frozen=True)
class Arrangement:
    """The panels that are shown, and how. `tall`: there is room for long lists; `low`: all are shown, in few rows.

    `tabs`: most panels are out of sight, so that a line must tell how to get there.
    """

    mode: Mode
    shown: frozenset[str]
    tall: bool
    low: bool
    tabs: bool


_TALL, _LOW = 46, 36  # rows


def arrange(
    width: int,
    height: int,
    panels: Mapping[str, Page],
    stand_ins: Mapping[str, Sequence[str]],
    panel: str,
    zoomed: bool,
) -> Arrangement:
    """The arrangement for a terminal of so many cells, with the focus in `panel`, which may be zoomed.

    `panels`: every panel's name, and the page that it belongs to. `stand_ins`: panels that are in sight only while they
    have the focus, where there is not much room, and those whose place they take.
    """
    mode, shown = Mode.SINGLE, frozenset((panel,))
    if not zoomed and width >= 100 and height >= 30:
        mode, shown = Mode.WHOLE, frozenset(panels)
        if height < _TALL:
            shown -= frozenset(stand_ins.get(panel, ())) | (stand_ins.keys() - {panel})
    elif not zoomed and width >= 76 and height >= 21:
        page = panels[panel]
        mode = Mode.INPUT_PAGE if page is Page.INPUT else Mode.OUTPUT_PAGE
        shown = frozenset(name for name, its in panels.items() if its is page)
        shown -= frozenset(stand_ins.get(panel, ())) | (stand_ins.keys() - {panel})
    return Arrangement(mode, shown, height >= _TALL, mode is Mode.WHOLE and height < _LOW, tabs=mode is not Mode.WHOLE)
