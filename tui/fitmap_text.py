"""The fit map as text: a row a height, a mark a width; coloured on a terminal, readable without."""

from __future__ import annotations

import os

from ..core.memory.fitmap import FitMap
from ..core.memory.verdict import Fit

# A mark for each verdict, and the one for it beyond the ratio that is wise.
MARKS = {
    Fit.FITS: (".", ":"),
    Fit.TIGHT: ("~", "="),
    Fit.WILL_NOT_FIT: ("x", "X"),
    Fit.UNKNOWN: ("?", "¿"),
}
_COLOURS = {Fit.FITS: "32", Fit.TIGHT: "33", Fit.WILL_NOT_FIT: "31", Fit.UNKNOWN: "37"}
HERE = "@"
_LABELS = 8  # columns between two labels of the ruler


def map_lines(map: FitMap, place: tuple[int, int], *, columns: int, colour: bool) -> list[str]:
    """The lines of a map, `columns` wide at most where that can be.

    `place`: the height and width (px) to mark. `colour`: with ANSI's eight colours.
    """
    colour = colour and not os.environ.get("NO_COLOR")
    width = max(len(str(side)) for side in map.sides)
    gap = " " if 3 + width + 2 * len(map.sides) <= columns else ""
    step = _LABELS // (1 + len(gap))
    told = ["height × width in px"]
    for row, height in enumerate(map.sides):
        label = str(height) if row % 4 == 0 else ""
        cells = gap.join(_cell(map, row, column, place, colour) for column in range(len(map.sides)))
        told.append(f"  {label:>{width}} {cells}")
    ruler = "".join(f"{side:<{_LABELS}}" for side in map.sides[::step])
    told.append(f"  {'':>{width}} {ruler}".rstrip())
    seen = {fit for row in map.fits for fit in row}
    told.append("  " + "   ".join(f"{marks[0]} {fit}" for fit, marks in MARKS.items() if fit in seen))
    told.append(f"  {' '.join(marks[1] for fit, marks in MARKS.items() if fit in seen)} the same, beyond 4:1")
    if place[0] in map.sides and place[1] in map.sides:
        told[-1] += f"   {HERE} {place[0]}×{place[1]}"
    return told


def _cell(map: FitMap, row: int, column: int, place: tuple[int, int], colour: bool) -> str:
    fit = map.fits[row][column]
    mark = MARKS[fit][map.extreme(row, column)]
    if (map.sides[row], map.sides[column]) == place:
        mark = HERE
    if not colour:
        return mark
    weight = "2" if map.extreme(row, column) else "1"
    return f"\033[{weight};{_COLOURS[fit]}m{mark}\033[0m"
