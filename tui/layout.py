"""Which panels a terminal of some size shows at once: all, a page of three, or the one with the focus."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .commands import PANELS

_PAGES = (("weights", "size", "options"), ("gpu", "log", "artifacts"))


class Mode(StrEnum):
    """How much is shown at once; also the class of the screen that the style sheet knows."""

    WHOLE = "whole"
    INPUT_PAGE = "input-page"
    OUTPUT_PAGE = "output-page"
    SINGLE = "single"


@dataclass(frozen=True)
class Arrangement:
    """The panels that are shown, and how. `tall`: there is room for long lists."""

    mode: Mode
    shown: frozenset[str]
    tall: bool

    @property
    def tabs(self) -> bool:
        """Whether some panels are out of sight, so that a line must tell how to get there."""
        return len(self.shown) < len(PANELS)


def arrange(width: int, height: int, panel: str, zoomed: bool) -> Arrangement:
    """The arrangement for a terminal of so many cells, with the focus in `panel`, which may be zoomed."""
    tall = height >= 46
    if zoomed:
        return Arrangement(Mode.SINGLE, frozenset((panel,)), tall)
    if width >= 100 and height >= 30:
        return Arrangement(Mode.WHOLE, frozenset(PANELS), tall)
    if width >= 76 and height >= 21:
        page = next(page for page in _PAGES if panel in page)
        mode = Mode.INPUT_PAGE if page is _PAGES[0] else Mode.OUTPUT_PAGE
        return Arrangement(mode, frozenset(page), tall)
    return Arrangement(Mode.SINGLE, frozenset((panel,)), tall)
