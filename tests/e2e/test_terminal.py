"""The installed command on a real terminal: it opens, it ends, and it never takes a job along."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from halfpint.core.samples.make import write_yolov5
from support.command import HALFPINT, halfpint
from support.terminal import terminal

RESTORED = b"\x1b[?1049l"  # back from the alternate screen


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A folder with one checkpoint: whatever was written when, it is in sight."""
    (tmp_path / "weights").mkdir()
    shutil.copy(tiny, tmp_path / "weights")
    return tmp_path / "weights"


def test_the_screen_opens_on_a_folder_and_is_left(folder: Path) -> None:
    with terminal([str(HALFPINT), str(folder)]) as t:
        t.until("master-n.pt")
        t.send("\x11")
        assert t.end() == 0
    assert RESTORED in t.written


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_the_terminal_restored(folder: Path, number: int, code: int) -> None:
    with terminal([str(HALFPINT), str(folder)]) as t:
        t.until("master-n.pt")
        os.kill(t.pid, number)
        assert t.end() == code
    assert RESTORED in t.written


def test_a_dropped_line_ends_the_screen_and_not_the_job(tmp_path: Path) -> None:
    write_yolov5(tmp_path / "sample.pt")
    with terminal([str(HALFPINT), str(tmp_path)]) as t:
        t.until("^r exports sample.pt")
        t.send("\x12")
        t.until("job #1 runs")
        t.hang_up()
        assert t.end() != 0
    end = time.monotonic() + 60
    while not (tmp_path / "sample.halfpint.json").exists():
        assert time.monotonic() < end
        os.sched_yield()
    assert (tmp_path / "sample.onnx").exists() and (tmp_path / "sample.fp16.onnx").exists()


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "variables",
    [{"TERM": "linux"}, {"TERM": "vt100"}, {"NO_COLOR": "1"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}],
    ids=lambda variables: next(iter(variables)) + "=" + next(iter(variables.values())),
)
def test_terminals_that_can_show_little(folder: Path, variables: dict[str, str]) -> None:
    with terminal([str(HALFPINT), str(folder)], environment=variables) as t:
        t.until("Weights")
        t.until("master-n.pt")
        t.send("\x11")
        assert t.end() == 0


def test_a_terminal_that_cannot_draw_is_told_so(tmp_path: Path) -> None:
    with terminal([str(HALFPINT), str(tmp_path)], environment={"TERM": "dumb"}) as t:
        assert t.end() == 2
    assert "TERM=dumb" in t.text and "halfpint export --help" in t.text


def test_a_pipe_is_no_terminal() -> None:
    result = halfpint()
    assert result.returncode == 2
    assert "needs a terminal" in result.stderr


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    result = halfpint(tmp_path / "exprot")
    assert result.returncode == 2
    assert "is no folder" in result.stderr and "halfpint --help" in result.stderr


def test_the_screen_and_its_export_import_nothing_heavy(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(tiny.read_bytes())
    script = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.screen import screen
async def main():
    async with screen(Path(sys.argv[1])) as s:
        await s.until_known()
        await s.size(64, 64)
        await s.press("ctrl+r")
        assert (await s.job_over()).exit_code == 0
        await s.press("escape", "6", "enter")
        assert "sha256" in s.reading
asyncio.run(main())
heavy = {"torch", "onnx", "onnxruntime", "onnxsim"} & set(sys.modules)
assert not heavy, heavy
"""

    tests = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(tests)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
