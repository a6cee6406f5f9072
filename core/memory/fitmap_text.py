"""The fit map as text: a row a height, a mark a width; coloured on a terminal, readable without."""

from __future__ import annotations

from ..tables import Coloured
from .fit import Fit
from .fitmap import FitMap

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


def map_lines(map: FitMap, place: tuple[int, int], *, columns: int) -> list[Coloured]:
    """The lines of a map in ANSI's eight colours, `columns` wide at most where that can be.

    `place`: the height and width (px) to mark.
    """
    width = max(len(str(side)) for side in map.sides)
    gap = " " if 3 + width + 2 * len(map.sides) <= columns else ""
    step = _LABELS // (1 + len(gap))
    told: list[Coloured] = [(("height × width in px", ""),)]
    for row, height in enumerate(map.sides):
        label = str(height) if row % 4 == 0 else ""
        cells = [_cell(map, row, column, place) for column in range(len(map.sides))]
        spaced = [piece for cell in cells for piece in ((gap, ""), cell)]
        told.append(((f"  {label:>{width}} ", ""), *spaced[1:]))
    ruler = "".join(f"{side:<{_LABELS}}" for side in map.sides[::step])
    seen = {fit for row in map.fits for fit in row}
    same = f"  {' '.join(marks[1] for fit, marks in MARKS.items() if fit in seen)} the same, beyond 4:1"
    if place[0] in map.sides and place[1] in map.sides:
        same += f"   {HERE} {place[0]}×{place[1]}"
    legend = "  " + "   ".join(f"{marks[0]} {fit}" for fit, marks in MARKS.items() if fit in seen)
    return [*told, *(((line, ""),) for line in (f"  {'':>{width}} {ruler}".rstrip(), legend, same))]


def _cell(map: FitMap, row: int, column: int, place: tuple[int, int]) -> tuple[str, str]:
    fit = map.fits[row][column]
    mark = MARKS[fit][map.extreme(row, column)]
    if (map.sides[row], map.sides[column]) == place:
        mark = HERE
    return mark, f"{2 if map.extreme(row, column) else 1};{_COLOURS[fit]}"
