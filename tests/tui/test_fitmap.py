"""The fit map on the screen: what it shows is what was predicted, and a size is a few keys away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot

from halfpint.core.devices import Gpu, GpuReport, HostMemory
from halfpint.core.memory import fitmap
from halfpint.core.memory.fit import Fit
from halfpint.core.memory.fitmap_text import MARKS
from halfpint.core.memory.snapshot import Snapshot, snapshot
from halfpint.core.memory.workload import Workload
from halfpint.core.network.network import Network
from halfpint.core.plan import Planner
from halfpint.core.precisions import FP32, Precision
from halfpint.core.spec import ExportSpec
from halfpint.core.weights_source import WeightsSource
from halfpint.tui.dialogs import open_fit_map
from halfpint.tui.feeds.fit_map import Mapped, Mapper, Subject
from halfpint.tui.screens.fitmap import FitMapScreen, arrange
from halfpint.tui.themes import THEMES
from halfpint.tui.widgets.heatmap import Cell, Heatmap
from halfpint.tui.widgets.lines import Lines

MIB, GIB = 2**20, 2**30
TINY = Path(__file__).parents[1] / "fixtures" / "yolov5" / "master-n.pt"
SIZES = [(120, 36), (80, 24), (60, 20)]
SOME = 1080 * MIB  # free: a part of the sizes fits
_PATIENCE_SECONDS = 60.0


# ---- the widget


class Themed(App[None]):
    """An app in our colours and with nothing on it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name


class Host(Themed):
    """A heatmap alone; it is noted what it asks to be painted."""

    def __init__(self, rows: int, columns: int, cursor: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self.map = Heatmap([str(100 + n) for n in range(rows)], [str(100 + n) for n in range(columns)], cursor)

    def compose(self) -> ComposeResult:
        yield self.map


def rendered(map: Heatmap) -> list[list[tuple[str, Any]]]:
    """Each cell of the terminal: its character and style."""
    lines = [map.render_line(y) for y in range(map.size.height)]
    return [[(char, segment.style) for segment in line for char in segment.text] for line in lines]


keys = st.sampled_from(["up", "down", "left", "right", "J", "K", "L", "H", "pagedown", "pageup", "home", "end", "x"])
cells = st.lists(st.sampled_from([Cell("."), Cell("x", "error"), Cell("X", "error", True)]), min_size=35, max_size=35)


@settings(max_examples=15, deadline=None)
@example(["up"], (20, 3))
@given(st.lists(keys | cells, max_size=12), st.sampled_from([(90, 50), (90, 15), (40, 9), (20, 3)]))
def test_what_is_painted_again_is_all_that_differs(steps: list[Any], size: tuple[int, int]) -> None:
    async def script() -> None:
        host = Host(35, 35, (4, 30))
        async with host.run_test(size=size) as pilot:
            map, stands = host.map, rendered(host.map)

            def paint(*regions: Region, **_: Any) -> None:
                fresh = rendered(map)
                for x, y in (cell for region in regions or [map.size.region] for cell in cells_of(region)):
                    stands[y][x] = fresh[y][x]

            map.refresh = paint  # pyright: ignore[reportAttributeAccessIssue]
            for step in steps:
                if isinstance(step, str):
                    await pilot.press(step)
                else:
                    map.show([step] * 35)
                row, column = map.cursor
                assert stands == rendered(map)
                assert [char for line in stands for char, _ in line].count("@") == 1  # it is in view
                assert 0 <= row < 35 and 0 <= column < 35

    asyncio.run(script())


def cells_of(region: Region) -> Iterable[tuple[int, int]]:
    return product(range(region.x, region.right), range(region.y, region.bottom))


def test_a_step_paints_two_cells_and_their_labels() -> None:
    async def script() -> None:
        host = Host(39, 39, (10, 10))
        async with host.run_test(size=(90, 50)) as pilot:
            painted: list[Region] = []
            host.map.refresh = lambda *regions, **_: painted.extend(regions)  # pyright: ignore
            host.map.show([[Cell(".")] * 39] * 39)
            painted.clear()
            await pilot.press("right")
            assert [(region.y, region.width) for region in painted if region.y] == [(11, 2 + 2)]
            painted.clear()
            host.map.show([[Cell(".")] * 39] * 39)
            assert not painted

    asyncio.run(script())


@pytest.mark.parametrize("size", [(90, 50), (50, 50), (50, 12), (30, 10)])
def test_labels_stand_at_their_rows_and_columns(size: tuple[int, int]) -> None:
    async def script() -> None:
        host = Host(39, 39, (17, 22))
        async with host.run_test(size=size):
            lines = ["".join(char for char, _ in line) for line in rendered(host.map)]
            here = next(line for line in lines if "@" in line)
            assert here.split()[0] == "117"
            assert lines[0].find("122") == here.find("@")

    asyncio.run(script())


def test_what_does_not_exist_cannot_be_clicked() -> None:
    async def script() -> None:
        host = Host(5, 5, (2, 2))
        async with host.run_test(size=(60, 20)) as pilot:
            for offset in ((1, 2), (6, 0), (40, 2), (6, 12)):
                await pilot.click(Heatmap, offset=offset)
                assert host.map.cursor == (2, 2)
            await pilot.click(Heatmap, offset=(4 + 2 * 3, 1 + 1))
            assert host.map.cursor == (1, 3)

    asyncio.run(script())


# ---- the screen


@pytest.fixture(scope="module", name="planner")
def planner_fixture() -> Planner:
    with WeightsSource(TINY) as source:
        return Planner(source.info, source.network)


def now(free: int | None) -> Snapshot:
    """A machine whose GPU has so many bytes free; None: it does not tell."""
    gpu = Gpu(0, "card", used=24 * GIB - (free or 0), total=24 * GIB, problem="" if free is not None else "It is lost.")
    return snapshot(HostMemory(64 * GIB, 48 * GIB), "0", GpuReport((gpu,)))


def subject(planner: Planner, free: int | None, height: int = 640, width: int = 640) -> Subject:
    spec = ExportSpec.of(TINY, Path("/out"), height=height, width=width, batch=16, device="0")
    return Subject(planner, spec, FP32, now(free))


class Shown:
    """A fit map on the screen, and what was taken from it."""

    def __init__(self, pilot: Pilot[None], screen: FitMapScreen, taken: list[tuple[int, int]]) -> None:
        self.pilot, self.screen, self.taken = pilot, screen, taken

    @property
    def map(self) -> Heatmap:
        return self.screen.query_one(Heatmap)

    @property
    def words(self) -> str:
        return self.screen.query_one("#about", Lines).text

    @property
    def closed(self) -> bool:
        return self.pilot.app.screen is not self.screen

    @property
    def rows(self) -> dict[int, str]:
        """The marks of the rows in view."""
        found: dict[int, str] = {}
        for y in range(1, self.map.size.height):
            row = y - 1 + self.map.top
            text = self.map.render_line(y).text[self.map.label_width :]
            found[row] = text[: self.map.cell_width * 39 : self.map.cell_width]
        return found

    async def until(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < end, f"it did not happen; the screen says: {self.words} {self.rows}"
            await self.pilot.pause(0.01)

    async def until_drawn(self) -> None:
        await self.until(lambda: " " not in "".join(self.rows.values()))


@asynccontextmanager
async def shown(subject: Subject, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Shown]:
    """The fit map over an empty screen, drawn."""
    app, taken = Themed(), list[tuple[int, int]]()
    async with app.run_test(size=size) as pilot:
        screen = open_fit_map(app, subject, taken.append)
        await pilot.pause()
        s = Shown(pilot, screen, taken)
        await s.until_drawn()
        yield s


def expected(subject: Subject) -> list[str]:
    """The rows of marks that the predictions make."""
    network, spec = subject.planner.network, subject.spec
    map = fitmap.fit_map(network, Workload.of(spec), spec.batch, subject.precision, subject.now)
    places = range(len(map.sides))
    return ["".join(MARKS[map.fits[i][j]][map.extreme(i, j)] for j in places) for i in places]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("free", [200 * MIB, SOME, 23 * GIB, None])
def test_every_cell_is_what_was_predicted(planner: Planner, free: int | None, size: tuple[int, int]) -> None:
    asked = subject(planner, free)
    marks = expected(asked)

    async def script() -> None:
        seen: set[int] = set()
        async with shown(asked, size) as s:
            for _ in range(1 + 38 // 4 + 1):
                row, column = s.map.cursor
                for index, text in s.rows.items():
                    assert text == (
                        marks[index] if index != row else marks[row][:column] + "@" + marks[row][column + 1 :]
                    )
                    seen.add(index)
                await s.pilot.press("J")
            await s.pilot.press(*["pageup"] * 5)
            assert seen | set(s.rows) == set(range(39))

    asyncio.run(script())


def test_some_fit_and_some_do_not(planner: Planner) -> None:
    marks = {free: set("".join(expected(subject(planner, free)))) for free in (200 * MIB, SOME, 23 * GIB, None)}
    assert marks == {200 * MIB: {"x", "X"}, SOME: {".", "~", "=", "x"}, 23 * GIB: {".", ":"}, None: {"?", "¿"}}


@pytest.mark.parametrize("size", SIZES)
def test_arrows_move_and_enter_takes(planner: Planner, size: tuple[int, int]) -> None:
    async def script() -> None:
        async with shown(subject(planner, SOME), size) as s:
            assert s.screen.size_here == (640, 640)
            for pressed, place in (
                ("up", (608, 640)), ("right", (608, 672)), ("j", (640, 672)), ("h", (640, 640)),
                ("shift+down", (768, 640)), ("shift+left", (768, 512)), ("x", (512, 768)), ("L", (512, 896)),
                ("K", (384, 896)), ("home", (384, 320)), ("left", (384, 320)), ("end", (384, 1536)),
                ("shift+up", (320, 1536)), ("up", (320, 1536)),
            ):  # fmt: skip
                await s.pilot.press(pressed)
                assert s.screen.size_here == place
                await s.pilot.pause()
                assert s.words.startswith(f"{place[0]}×{place[1]} ")
            await s.pilot.press("enter")
            assert s.closed and s.taken == [(320, 1536)]

    asyncio.run(script())


@pytest.mark.parametrize("key", ["escape", "q", "m"])
def test_leaving_takes_nothing(planner: Planner, key: str) -> None:
    async def script() -> None:
        async with shown(subject(planner, SOME)) as s:
            await s.pilot.press("down", key)
            assert s.closed and s.taken == []
            s.screen.renew(now(0))  # too late, and no harm

    asyncio.run(script())


def test_a_click_moves_and_a_second_one_takes(planner: Planner) -> None:
    async def script() -> None:
        async with shown(subject(planner, SOME)) as s:
            offset = (s.map.label_width + 2 * 3, 1 + 5)
            await s.pilot.click(Heatmap, offset=offset)
            assert s.screen.size_here == (480, 416) and not s.closed
            await s.pilot.click(Heatmap, offset=offset, times=2)
            assert s.closed and s.taken == [(480, 416)]

    asyncio.run(script())


def test_memory_and_ratio_are_two_things(planner: Planner) -> None:
    async def script() -> None:
        async with shown(subject(planner, 23 * GIB, 1536, 320)) as s:
            assert "FITS" in s.words and "23.0 GiB of GPU 0 are free" in s.words
            assert "4.8:1" in s.words and "accuracy" in s.words
            assert "peak" in s.words and "MiB" in s.words
            await s.pilot.press("L")
            await s.pilot.pause()
            assert "4.8:1" not in s.words

    asyncio.run(script())


def test_where_the_map_is_more_careful_than_the_words_they_say_so(planner: Planner) -> None:
    async def script() -> None:
        marks = expected(subject(planner, SOME))
        for side, mark, told in ((320, ".", False), (640, "~", True)):
            async with shown(subject(planner, SOME, side, side)) as s:
                row, column = s.map.cursor
                assert marks[row][column] == mark
                assert s.words.startswith(f"{side}×{side} FITS")
                assert ("the map says TIGHT: it is drawn with a wider margin" in s.words) == told

    asyncio.run(script())


def test_a_size_beside_the_map_is_shown_at_the_nearest_one(planner: Planner) -> None:
    async def script() -> None:
        async with shown(subject(planner, SOME, 64, 2048)) as s:
            assert s.screen.size_here == (320, 1536)

    asyncio.run(script())


def test_the_map_follows_what_others_use(planner: Planner) -> None:
    asked = subject(planner, 23 * GIB)
    marks = expected(replace(asked, now=now(200 * MIB)))

    async def script() -> None:
        async with shown(asked) as s:
            assert "FITS" in s.words
            await s.pilot.press("right")
            s.screen.renew(now(200 * MIB))
            await s.until(lambda: s.rows[0] == marks[0])
            assert "WILL NOT FIT" in s.words and "200.0 MiB of GPU 0 are free" in s.words
            assert s.screen.size_here == (640, 672)

    asyncio.run(script())


def test_a_map_that_cannot_be_drawn_is_told(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no [map] today")

    async def script() -> None:
        async with shown(subject(planner, SOME)) as s:
            monkeypatch.setattr(fitmap, "fit_map", fails)
            s.screen.renew(now(23 * GIB))
            await s.until(lambda: "no [map] today" in s.words)
            assert set("".join(s.rows.values())) == {" ", "@"}  # what stood there is true no more
            await s.pilot.press("right")
            await s.pilot.pause()
            assert "640×672" in s.words and "no [map] today" in s.words
            monkeypatch.undo()
            s.screen.renew(now(SOME))
            await s.until(lambda: "no [map] today" not in s.words)

    asyncio.run(script())


def test_the_terminal_may_change_its_size(planner: Planner) -> None:
    async def script() -> None:
        async with shown(subject(planner, SOME, 1536, 1536)) as s:
            for size in ((60, 20), (200, 60), (40, 12), (80, 24)):
                await s.pilot.resize_terminal(*size)
                await s.pilot.pause()
                assert s.screen.region.contains_region(s.map.region)
                assert "@" in "".join(s.rows.values())

    asyncio.run(script())


@given(st.integers(20, 300), st.integers(8, 120), st.integers(2, 100))
def test_the_map_and_its_frame_fit_the_terminal(width: int, height: int, sides: int) -> None:
    place = arrange(width, height, 5 + sides, 5 + 2 * sides, sides + 1)
    assert place.frame[0] <= width and place.frame[1] <= height
    assert 0 < place.map[0] <= place.frame[0] - 4 and 0 < place.map[1] <= place.frame[1] - 2
    if place.beside:
        assert place.frame[0] - 4 - place.map[0] >= 28
        assert place.map[0] >= 5 + sides


# ---- the feed


def test_of_two_wishes_the_last_one_is_answered(planner: Planner) -> None:
    posted: list[Message] = []
    mapper = Mapper(posted.append)
    mapper.want(subject(planner, SOME))
    last = mapper.want(subject(planner, 23 * GIB))
    mapper.start()
    assert drawn_by(posted).generation == last
    mapper.stop()


def test_a_map_that_is_out_of_date_when_it_is_done_is_dropped(
    planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[Message] = []
    mapper = Mapper(posted.append)
    genuine, overtaken = fitmap.fit_map, list[Snapshot]()

    def slow(
        network: Network, work: Workload, batch: int, precision: Precision, snapshot: Snapshot, sides: tuple[int, ...]
    ) -> fitmap.FitMap:
        if not overtaken:
            overtaken.append(snapshot)
            mapper.want(subject(planner, 200 * MIB))
        return genuine(network, work, batch, precision, snapshot, sides)

    monkeypatch.setattr(fitmap, "fit_map", slow)
    mapper.start()
    mapper.want(subject(planner, 23 * GIB))
    map = drawn_by(posted).map
    assert map is not None and map.fits[-1][-1] is Fit.WILL_NOT_FIT
    mapper.stop()
    assert len(posted) == 1


def drawn_by(posted: list[Message]) -> Mapped:
    """The first map that is posted."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not posted:
        assert time.monotonic() < end
        time.sleep(0.005)
    (message,) = posted
    assert isinstance(message, Mapped)
    return message
