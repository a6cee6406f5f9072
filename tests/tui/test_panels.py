"""The panels, each with what a person may do to it and what the machine may say."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual import events

from halfpint.tui.panels.weights import WeightsPanel
from support.nvml import GIB, FakeGpu, FakeNvml
from support.screen import drive, screen
from support.zips import pickled


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A folder with one genuine checkpoint."""
    shutil.copy(tiny, tmp_path / "yolov5n.pt")
    return tmp_path


# ---- weights


def test_files_that_cannot_be_exported_are_listed_with_the_reason(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "good.pt")
    (tmp_path / "notes.pt").write_bytes(b"not weights")
    (tmp_path / "hostile.pt").write_bytes(pickled(b"cos\nsystem\n(S'true'\ntR"))

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until(lambda: len(s.files) == 3 and all(row[1] != "…" for row in s.files))
            rows = {row[0]: row for row in s.files}
            hostile = next(row for row in s.main.query_one(WeightsPanel).listing.rows if row.cells[0] == "hostile.pt")
            assert hostile.kind == "error" and str(hostile.cells[1]).startswith("! the file names os.system")
            assert rows["good.pt"][2:4] == ("0.4 M", "FP16")
            assert "no torch checkpoint" in str(rows["notes.pt"][1])

    drive(script())


def test_names_are_never_markup(tiny: Path, tmp_path: Path) -> None:
    name = "w[v1][red]\x1b[31m.pt"
    shutil.copy(tiny, tmp_path / name)

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            assert r"w[v1][red]\x1b[31m.pt" in s.painted
            await s.press("ctrl+y")
            assert "w[v1][red]" in s.reading

    drive(script())


def test_the_filter_narrows_the_list_as_one_types(tiny: Path, tmp_path: Path) -> None:
    for name in ("cats.pt", "dogs.pt", "runs/dogs-large.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(tiny, tmp_path / name)

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until(lambda: len(s.files) == 3)
            await s.press("slash")
            await s.type("dog")
            assert {row[0] for row in s.files} == {"dogs.pt", "runs/dogs-large.pt"}
            await s.type("x")
            assert s.files == []
            await s.press("backspace", "enter")
            assert s.app.focused is not None and s.app.focused.id == "files"

    drive(script())


def test_a_path_opens_a_file_or_searches_a_folder(
    folder: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(tiny, elsewhere / "other.pt")

    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            for path, name in ((elsewhere / "other.pt", str(elsewhere / "other.pt")), (elsewhere, "other.pt")):
                await s.press("slash")
                await s.put(str(path)[:-2] if path.suffix else str(path))
                if path.suffix:
                    await s.press("tab")  # completes it
                await s.press("enter")
                await s.until(lambda name=name: any(row[0] == name for row in s.files))
            await s.press("slash")
            await s.type("/no/such/file.pt")
            await s.press("enter")
            assert "No such file" in s.status

    drive(script())


def test_the_search_can_be_repeated(folder: Path, tiny: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            shutil.copy(tiny, folder / "new.pt")
            await s.press("1", "r")
            await s.until(lambda: len(s.files) == 2)

    drive(script())


def test_marked_files_become_a_job_each(folder: Path) -> None:
    shutil.copy(folder / "yolov5n.pt", folder / "other.pt")
    (folder / "notes.pt").write_bytes(b"not weights")

    async def script() -> None:
        async with screen(folder) as s:
            await s.until(lambda: len(s.files) == 3 and all(row[1] != "…" for row in s.files))
            await s.size(64, 64)
            await s.press("escape", "1", "home", "space", "space", "space")
            assert all(str(row[0]).startswith("* ") for row in s.files)
            assert s.status.startswith("^r exports the 3 marked files")
            await s.press("ctrl+r")
            await s.job_over(2)
            assert "notes.pt is not exported" in s.log
            assert {job.spec.weights.name for job in s.main.session.jobs.known} == {"other.pt", "yolov5n.pt"}
            assert not s.main.session.marked
            await s.press("1", "home", "space", "space", "space", "ctrl+r")
            assert "exist already" in s.reading

    drive(script())


# ---- jobs


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A job's worker, stopped, so that the others wait as long as the test looks at them."""
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def test_jobs_are_moved_cancelled_tried_again_and_looked_at(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.size(64, 64)
            await s.press("escape")
            await s.burst("ctrl+r", "ctrl+r", "ctrl+r", "7")
            assert s.panels_in_sight == {"weights", "size", "options", "gpu", "jobs"}
            await s.until(lambda: s.main.session.jobs.running)
            with stopped(s.main.session.jobs.running[0].worker.pid):
                wait = ["waits for another job on the CPU", "waits for its turn on the CPU"]
                await s.until(lambda: [row[2] for row in s.jobs][1:] == wait)
                assert [row[0] for row in s.jobs] == ["#1", "#2", "#3"]
                await s.press("end", "shift+up")
                await s.until(lambda: [row[0] for row in s.jobs] == ["#1", "#3", "#2"])
                await s.press("x")
                await s.until(lambda: ("#3", "cancelled: cancelled before it began") in {row[:3:2] for row in s.jobs})
            await s.job_over(3)  # the first is done, the second one would replace what it made
            assert {str(row[0]): str(row[2]).partition(":")[0] for row in s.jobs} == {
                "#1": "done",
                "#2": "failed",
                "#3": "cancelled",
            }
            await s.press("home", "down", "r")
            await s.until(lambda: len(s.jobs) == 4)
            await s.job_over(4)
            await s.press("end", "enter")
            assert "#1 done in" in s.reading and "sha256" in s.reading

    drive(script())


# ---- size


def test_what_is_pasted_does_no_harm(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            for field in ("2", "slash"):
                await s.press(field)
                s.app.post_message(events.Paste("[/red]x9999999999999999999999"))
                await s.pilot.pause()
            assert "640×640" in s.findings
            await s.press("escape", "1")
            assert s.app.focused is not None and s.app.focused.id == "files"

    drive(script())


def test_arrows_step_by_the_stride_of_the_checkpoint(tmp_path: Path, tiny: Path) -> None:
    shutil.copy(tiny.with_name("master-n6.pt"), tmp_path / "p6.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            await s.press("2", "up")
            assert "704×640" in s.findings
            await s.press("shift+down")
            assert "448×640" in s.findings
            await s.press("x")
            assert "640×448" in s.findings

    drive(script())


def test_nothing_typed_is_told(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.press("2", "home", *["delete"] * 3)
            assert "height: nothing is typed" in s.findings
            assert s.status.startswith("no export")

    drive(script())


def test_a_ratio_is_a_warning_about_accuracy(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.size(1536, 320)
            assert "4.8:1" in s.findings and "accuracy" in s.findings
            assert "^r exports" in s.status

    drive(script())


def test_presets_are_a_key_away(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.press("2", "p")
            await s.press("2")
            assert "800×800" in s.findings

    drive(script())


# ---- devices


def test_no_driver_is_a_sentence_and_the_rest_works(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until(lambda: "RAM" in s.devices)
            assert "No NVIDIA driver is installed" in s.devices
            assert "GB free" in s.devices

    drive(script())


def test_eight_gpus_of_which_one_vanishes(folder: Path) -> None:
    nvml = FakeNvml(*(FakeGpu(used=n * GIB) for n in range(8)))

    async def script() -> None:
        async with screen(folder, nvml=nvml) as s:
            await s.until(lambda: "7 RTX 4090" in s.devices)
            assert "3.0/24.0 GiB used" in s.devices
            nvml.gpus[3].lost = True
            await s.until(lambda: "disappeared" in s.devices)
            assert s.devices.count("GiB used") == 7
            await s.press("4", "d")
            assert "> 0 RTX 4090" in s.devices
            await s.press("ctrl+y")
            assert "--device 0" in s.reading

    drive(script())


# ---- options


def test_options_change_the_command(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.press("3", *["down"] * 2, "space", "down", "space", *["down"] * 3, "right", "ctrl+y")
            assert "--include onnx torchscript" in s.reading
            assert "--precision fp16" in s.reading
            assert "--opset 18" in s.reading

    drive(script())


def test_no_format_is_no_export(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.until_known()
            await s.press("3", "space")
            assert s.status.startswith("no export: there is nothing to export")

    drive(script())


# ---- everything in sight


@pytest.mark.parametrize("size", [(200, 60), (120, 36), (80, 24), (60, 20), (40, 12)])
def test_every_panel_can_be_reached(folder: Path, size: tuple[int, int]) -> None:
    async def script() -> None:
        async with screen(folder, size=size) as s:
            await s.until_known()
            for number, panel in enumerate(("weights", "size", "options", "gpu", "log", "artifacts", "jobs"), 1):
                await s.press("escape", f"f{number}")
                assert panel in s.panels_in_sight
                focused = s.app.focused
                assert focused is not None
                assert panel in {ancestor.id for ancestor in focused.ancestors}
                assert focused.region.area and s.main.region.contains_region(focused.region)

    drive(script())


def test_a_panel_fills_the_screen_and_goes_back(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.press("5", "z")
            assert s.panels_in_sight == {"log"}
            await s.press("escape")
            assert len(s.panels_in_sight) == 6

    drive(script())


def test_help_is_about_the_panel_with_the_focus(folder: Path) -> None:
    async def script() -> None:
        async with screen(folder) as s:
            await s.press("2", "question_mark")
            assert "must be multiples of the checkpoint's stride" in s.reading
            assert "Fix the size" in s.reading and "Export" in s.reading

    drive(script())
