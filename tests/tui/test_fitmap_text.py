"""The fit map as text: readable without colours, and in a narrow terminal."""

from __future__ import annotations

import re

import pytest

from halfpint.core.memory.fit import Fit
from halfpint.core.memory.fitmap import FitMap
from halfpint.core.memory.fitmap_text import map_lines
from halfpint.core.tables import Coloured

SIDES = tuple(range(320, 1537, 32))


def drawn(fit: Fit = Fit.FITS) -> FitMap:
    fits = tuple(tuple(Fit.WILL_NOT_FIT if height * width > 1_000_000 else fit for width in SIDES) for height in SIDES)
    return FitMap(SIDES, fits, ())


def text_of(lines: list[Coloured]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_every_mark_is_explained() -> None:
    lines = text_of(map_lines(drawn(), (640, 640), columns=100))
    assert lines[1].split() == ["320", *["."] * 31, *[":"] * 8]
    assert lines[39].split()[:3] == [":", ":", "."]
    assert lines[39].split()[-1] == "x"
    legend = "\n".join(lines[-2:])
    for part in (". FITS", "x WILL NOT FIT", ": X the same, beyond 4:1", "@ 640×640"):
        assert part in legend
    assert "TIGHT" not in legend


@pytest.mark.parametrize("columns", [100, 80, 40])
def test_the_labels_stand_at_their_rows_and_columns(columns: int) -> None:
    lines = text_of(map_lines(drawn(), (640, 640), columns=columns))
    here = next(line for line in lines if "@" in line)
    assert here.find("@") == lines[1 + 10].find("@")
    row = lines[1 + 12]
    assert row.split()[0] == str(SIDES[12])
    ruler = lines[40]
    for label in re.finditer(r"\d+", ruler):
        column = SIDES.index(int(label.group()))
        gap = 2 if columns == 100 else 1
        assert label.start() == lines[1].find(".") + gap * column
    assert max(map(len, lines[1:41])) <= max(columns, 46)


def test_every_verdict_has_a_colour_and_the_ratio_beyond_four_to_one_is_faint() -> None:
    cells = {cell for line in map_lines(drawn(Fit.TIGHT), (640, 640), columns=100) for cell in line if cell[1]}
    assert cells == {("~", "1;33"), ("=", "2;33"), ("x", "1;31"), ("@", "1;33")}


def test_a_size_that_is_not_on_the_map_is_not_marked() -> None:
    assert "@" not in "\n".join(text_of(map_lines(drawn(), (64, 64), columns=100)))
