"""What people once saw go wrong on the screen, each as it is now."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from halfpint.core.events import JobStarted
from halfpint.core.jobs.database import Job, State
from halfpint.core.spec import ExportSpec
from halfpint.core.state import state_folder
from halfpint.tui.feeds.jobs import JobNews
from halfpint.tui.panels.artifacts import ArtifactsPanel
from halfpint.tui.panels.log import LogPanel
from halfpint.tui.panels.size import SizePanel
from halfpint.tui.panels.weights import WeightsPanel
from halfpint.tui.reducers import reduced
from halfpint.tui.widgets.listing import Listing
from support.nvml import GIB, FakeGpu, FakeNvml
from support.screen import drive, screen


def begun(number: int, folder: Path) -> JobNews:
    """News of a job that begins to make a file."""
    spec = ExportSpec.of(folder / f"w{number}.pt", folder, 64, 64, 1)
    job = SimpleNamespace(
        number=number, state=State.RUNNING, spec=spec, folder=SimpleNamespace(log_file=folder / "log")
    )
    return JobNews(cast(Job, job), (JobStarted(str(spec.weights), (str(spec.path(spec.kinds[0])),)),), "")


def test_lists_show_what_there_is_and_keep_up(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        shutil.copy(tiny, tmp_path / f"{number:02}.pt")

    async def script() -> None:
        async with screen(tmp_path, size=(100, 30)) as s:
            await s.until_known()
            files = s.main.query_one(WeightsPanel).listing
            assert len(s.panels_in_sight) == 6 and files.room >= 5
            await s.pilot.resize_terminal(80, 24)  # the batch has room for all its digits
            batch, panel = s.main.query_one("#batch"), s.main.query_one(SizePanel)
            assert batch.region.width >= 5 and batch.region.right <= panel.region.right - 2
            await s.pilot.resize_terminal(120, 90)  # what it reveals is looked at
            await s.until(lambda: len(files.in_view) == 30 and all(row.cells[1] != "…" for row in files.in_view))
            hours = time.time() + 7300
            monkeypatch.setattr("halfpint.tui.panels.weights.time", SimpleNamespace(time=lambda: hours))
            s.main.advance(s.main.session.remark("a second passes"))
            assert {row[-1] for row in s.files} == {"2 h"}

            await s.press("5", "v")
            assert s.log == "no warnings and errors; v shows all levels"
            await s.press("v", "v", "ctrl+y")
            assert (state_folder() / "copied.txt").read_text().endswith("fp16")  # and no newline
            await s.press("escape")

            for number in (1, 2):  # the newest artifacts are in sight
                s.main.advance(reduced(s.main.session, begun(number, tmp_path)))
                made = s.main.query_one(ArtifactsPanel).query_one(Listing).current
                assert made is not None and made.key.endswith(f"w{number}.onnx")
            s.main.query_one(LogPanel).follow_job(2)
            assert "w2.pt" in s.log and "w1.pt" not in s.log

            (tmp_path / "a file").touch()
            s.main.query_one("#out").value = str(tmp_path / "a file" / "in it")  # type: ignore[attr-defined]
            await s.press("escape", "ctrl+r")
            assert s.status == f"no export: {tmp_path / 'a file'} is a file, not a folder; choose another “folder” (3)"

    drive(script())


def test_the_chosen_gpu_is_in_sight_and_no_job_is_offered_on_one_that_has_gone(tiny: Path, tmp_path: Path) -> None:
    shutil.copy(tiny, tmp_path / "n.pt")
    nvml = FakeNvml(*(FakeGpu(used=n * GIB) for n in range(8)))

    async def script() -> None:
        async with screen(tmp_path, nvml=nvml) as s:
            await s.until_known()
            await s.until(lambda: "7 RTX 4090" in s.devices)
            await s.press("4", *["d"] * 7)
            assert "> 6 RTX 4090" in s.painted and "6.0/24.0 GiB used" in s.painted
            nvml.gpus[6].lost = True
            await s.until(lambda: s.status == "no export: GPU 6 is not there; d in 4 takes another device")
            await s.press("ctrl+r")
            assert s.main.session.jobs.known == ()
            await s.press("d")
            assert "> 0 RTX 4090" in s.painted or "> CPU" in s.painted

    drive(script())
