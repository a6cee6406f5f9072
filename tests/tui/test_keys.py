"""Keys: fields eat none that they have no use for, hands that know vim and less find theirs, and a search leads on."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from halfpint.tui.choices import Size
from halfpint.tui.fuzzy import matching
from halfpint.tui.panels.log import LogPanel
from halfpint.tui.panels.size import SizePanel
from halfpint.tui.panels.weights import WeightsPanel
from halfpint.tui.path_words import completed
from halfpint.tui.settings import settings_path, theme
from halfpint.tui.widgets.lines import Lines
from halfpint.tui.widgets.tail import Tail
from support.screen import drive, screen

PATHS = ("runs/exp12/weights/best.pt", "runs/exp2/weights/last.pt", "cats.pt", "Dogs/best.pt")


def test_a_filter_finds_parts_of_paths_in_any_order_and_letters_with_others_between() -> None:
    def found(wanted: str) -> list[str]:
        return matching(PATHS, PATHS, wanted)

    assert found("best exp1") == [PATHS[0]]
    assert found("dogs") == [PATHS[3]]
    assert found("exp2") == [PATHS[1], PATHS[0]]  # as it is typed first; then e…x…p…2
    assert found("catz") == [] and found("") == list(PATHS)


@given(st.lists(st.text(max_size=8), max_size=5), st.text(max_size=6))
def test_a_filter_keeps_what_has_the_text(paths: list[str], wanted: str) -> None:
    found = matching(paths, paths, wanted)
    assert all(path in found for path in paths if all(word in path.casefold() for word in wanted.casefold().split()))


def test_a_path_is_completed_as_far_as_there_is_no_choice(tmp_path: Path) -> None:
    for name in ("runs/exp1/best.pt", "runs/exp2/best.pt", "runs/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert completed("./ru", tmp_path) == ("./runs/", ("runs/",))
    assert completed("./runs/", tmp_path) == ("./runs/exp", ("exp1/", "exp2/"))
    assert completed("./runs/e", tmp_path) == ("./runs/exp", ("exp1/", "exp2/"))
    assert completed(f"{tmp_path}/runs/exp1/b", Path("/"), (".pt",))[0] == f"{tmp_path}/runs/exp1/best.pt"
    assert completed("./nowhere/x", tmp_path) == ("./nowhere/x", ())


def test_a_size_is_typed_or_pasted_whole_and_letters_stay_keys(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "n.pt")
    (tmp_path / "somewhere").mkdir()

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            size = s.main.query_one(SizePanel)
            for between in ("x", "×", " "):
                await s.press("escape", "2")
                await s.burst(*"800", between, *"608")
                assert size.typed == Size(800, 608, 1)
                await s.press("escape", "2", *"96", "tab", *"96")
            await s.press("escape", "2")
            await s.burst(*"800x608x4")
            assert size.typed == Size(800, 608, 4)
            await s.put("1024×512")  # into the batch, where the focus is
            assert size.typed == Size(1024, 512, 4)
            await s.press("s", "k")  # swapped, and the batch one more
            assert size.typed == Size(512, 1024, 5)
            await s.put("7 of 9")
            assert size.typed == Size(512, 1024, 5)
            await s.press("escape", "2", "x")  # nothing was typed before it: swapped
            assert size.typed == Size(1024, 512, 5)

            keys = s.main.query_one("#keys", Lines)
            await s.press("f3", "tab")
            assert "esc Leave the field" in keys.text and "F1–F7 Panels" in keys.text
            await s.type(f"{tmp_path}/some")
            await s.press("tab")
            assert s.app.focused is not None
            assert s.app.focused.value == f"{tmp_path}/somewhere/"  # type: ignore[attr-defined]
            await s.press("f5")
            assert s.app.focused is s.main.query_one(Tail) and "esc" not in keys.text

    drive(script())


def test_vim_and_less_find_their_keys_in_lists_and_log(tiny: Path, tmp_path: Path) -> None:
    for number in range(25):
        path = tmp_path / f"exp{number}" / "weights" / "best.pt"
        path.parent.mkdir(parents=True)
        shutil.copy(tiny, path)

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            files = s.main.query_one(WeightsPanel).listing
            await s.press("1", "s", "g")
            assert [row[0] for row in s.files] == sorted(str(row[0]) for row in s.files)
            assert str(s.main.query_one(WeightsPanel).border_title) == "1 Weights: by name"
            for keys, cursor in (
                ("j", 1),
                ("k", 0),
                ("G", 24),
                ("g", 0),
                ("ctrl+d", (files.room - 1) // 2),
                ("ctrl+u", 0),
            ):
                await s.press(keys)
                assert files.cursor == cursor, keys
            await s.press("slash")
            await s.type("w exp7")
            assert [row[0] for row in s.files] == ["exp7/weights/best.pt", "exp17/weights/best.pt"]
            assert str(s.main.query_one(WeightsPanel).border_subtitle) == "2 of 25 match"
            await s.press(*["backspace"] * 6, "escape")

            for number in range(40):
                s.main.advance(s.main.session.remark(f"line {number}"))
            log = s.main.query_one(LogPanel).query_one(Tail)
            await s.press("f5", "g", "slash")
            await s.type("LINE 3")
            await s.press("enter")
            assert log.place == 3 and "line 3" in s.painted
            await s.press("n")
            assert log.place == 30 and s.status == "2 of 11"
            await s.press("N", "N")
            assert log.place == 39
            await s.press("g", "k")
            assert log.top == 0
            await s.press("G")
            assert log.at_end

            await s.press("ctrl+c")
            assert "q leaves" in s.status
            await s.press("question_mark", "slash", *"level", "enter", "q")  # searched, and left
            assert s.app.screen is s.main
            await s.press("q")
            assert "No job runs or waits" in s.reading
            await s.press("q")
            assert s.app.screen is s.main
            await s.press("t", "q", "enter")
            await s.until(lambda: not s.app.is_running)
        assert theme(settings_path()) == "halfpint-light"  # it is kept

    drive(script())
