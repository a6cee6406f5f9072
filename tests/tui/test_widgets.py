"""The small parts: nothing is lost in wrapping, and a list keeps its place."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from halfpint.tui.hints import key_line
from halfpint.tui.panels.registry import commands, names
from halfpint.tui.widgets.lines import Line, Lines, cut_line, difference, plain, wrapped
from halfpint.tui.widgets.listing import Column, Listing, Row, fitting
from halfpint.tui.widgets.tail import Tail

words = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=30)
lines = st.lists(st.tuples(st.lists(words, min_size=1).map(" ".join), st.sampled_from(["", "dim"])), min_size=1)


@given(lines.map(tuple), st.integers(6, 80))
def test_wrapping_loses_no_letter_and_fits(line: Line, width: int) -> None:
    parts = list(wrapped(line, width))
    letters = "".join(text for text, _ in line).replace(" ", "")
    assert "".join(text for part in parts for text, _ in part).replace(" ", "") == letters
    for part in parts:
        text = "".join(text for text, _ in part)
        assert cell_len(text.rstrip()) <= width + 1  # a wide character may stick out by a cell


@given(lines.map(tuple), st.integers(1, 80))
def test_what_is_cut_ends_in_an_ellipsis(line: Line, width: int) -> None:
    text, left = ("".join(text for text, _ in parts) for parts in (line, cut_line(line, width)))
    assert left == text if cell_len(text) <= width else left.endswith("…") and cell_len(left) <= width


@given(st.integers(30, 200), st.sampled_from(names()))
def test_keys_that_have_no_room_are_left_out_whole_and_help_never(width: int, panel: str) -> None:
    line = key_line(commands(), panel, width)
    text = "".join(text for text, _ in line)
    assert cell_len(text) <= width and "? Help" in text and "^r Export" in text
    assert not line or line[-1][0].endswith(" ")


class Host(App[None]):
    """One widget on a screen."""

    def __init__(self, widget: Lines | Listing) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def rows(*keys: int) -> list[Row]:
    return [Row(str(key), (f"file {key}", "1 MB")) for key in keys]


def listing() -> Listing:
    return Listing((Column("name", 0), Column("size", 6, right=True)), empty="nothing")


def shown(host: Host) -> list[str]:
    """What stands on the widget's rows."""
    return [host.widget.render_line(y).text.rstrip() for y in range(host.widget.size.height)]


def test_the_cursor_stays_on_its_row_while_rows_come_and_go() -> None:
    async def script() -> None:
        host = Host(listing())
        async with host.run_test(size=(40, 10)) as pilot:
            assert isinstance(host.widget, Listing)
            host.widget.show(rows(1, 2, 3))
            host.widget.focus()
            await pilot.press("down")
            host.widget.show(rows(7, 8, 1, 2, 3))
            assert host.widget.current is not None and host.widget.current.key == "2"
            host.widget.show(rows(7, 8))
            assert host.widget.current is not None and host.widget.current.key in "78"
            host.widget.show([])
            assert host.widget.current is None
            assert shown(host)[1] == "nothing"

    asyncio.run(script())


def test_a_hundred_thousand_rows_are_no_trouble() -> None:
    async def script() -> None:
        host = Host(listing())
        async with host.run_test(size=(40, 10)) as pilot:
            assert isinstance(host.widget, Listing)
            host.widget.show(rows(*range(100_000)))
            host.widget.focus()
            await pilot.press("end")
            assert shown(host)[-1].startswith("file 99999")
            await pilot.press("pageup", "up")
            assert host.widget.cursor == 100_000 - 1 - 8 - 1
            await pilot.press("home")
            assert shown(host)[1].startswith("file 0")

    asyncio.run(script())


def test_long_names_keep_what_tells_them_apart() -> None:
    async def script() -> None:
        host = Host(Listing((Column("name", 0, path=True), Column("note", 8), Column("size", 6))))
        async with host.run_test(size=(30, 5)):
            assert isinstance(host.widget, Listing)
            host.widget.show([Row("a", ("runs/train/exp12/weights/best.pt", "a longish reason", None))])
            line = shown(host)[1]
            assert line.startswith("…p12/…/best.pt ")
            assert "a longish reas…" in line

    asyncio.run(script())


def test_columns_give_way_to_names_where_there_is_little_room() -> None:
    columns = (Column("name", 0), Column("family", 9), Column("params", 7, drop=1), Column("age", 4, drop=2))
    titles = {width: [c.title for c in fitting(columns, width)] for width in (60, 36, 30, 10)}
    assert titles == {
        60: ["name", "family", "params", "age"],
        36: ["name", "family", "params"],
        30: ["name", "family"],
        10: ["name", "family"],
    }


def test_a_log_follows_whatever_its_size_until_the_person_looks_elsewhere() -> None:
    async def script() -> None:
        host = Host(Tail())
        async with host.run_test(size=(40, 5)) as pilot:
            widget = host.widget
            assert isinstance(widget, Tail)
            widget.show([plain(f"line {n}") for n in range(20)])
            assert shown(host)[-1].startswith("line 19")
            for height in (20, 3, 8):  # zoomed, on a page of its own, and back; lines come meanwhile
                widget.display = False
                widget.show([plain(f"line {n}") for n in range(30)])
                await pilot.resize_terminal(40, height)
                widget.display = True
                await pilot.pause()
                assert shown(host)[-1].startswith("line 29")
            widget.focus()
            await pilot.press("up")
            widget.show([plain(f"line {n}") for n in range(40)])
            assert shown(host)[-1].startswith("line 28")
            await pilot.resize_terminal(40, 9)
            assert shown(host)[-1].startswith("line 29")  # the same line is first
            await pilot.press("end")
            widget.show([plain(f"line {n}") for n in range(50)])
            assert shown(host)[-1].startswith("line 49")

    asyncio.run(script())


@given(st.integers(18, 60))
def test_a_figure_keeps_its_unit(width: int) -> None:
    parts = wrapped(plain("2 A100-SXM4-80GB  41.0/80.0 GiB used  37 %  54 °C"), width)
    assert not any("".join(text for text, _ in part).strip().startswith(("GiB", "%", "°C")) for part in parts)


@given(lines.map(tuple), lines.map(tuple))
def test_what_is_painted_is_what_differs(old: Line, new: Line) -> None:
    start, end = difference(old, new)
    before, after = ("".join(text for text, _ in line) for line in (old, new))
    if before.isascii() and after.isascii():
        width = max(len(before), len(after))
        before, after = before.ljust(width), after.ljust(width)
        assert before[:start] == after[:start]
        assert before[end:] == after[end:]


@given(lines.map(tuple))
def test_what_is_equal_is_not_painted(line: Line) -> None:
    assert difference(line, line) == (0, 0)
