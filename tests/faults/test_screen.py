"""The screen owns no job: it is killed, and all jobs are done and shown by the next one. Real processes."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpint.core.jobs.database import Database, State
from support.command import HALFPINT, export
from support.jobs import assert_listed
from support.runners import end_runners
from support.terminal import terminal


@pytest.fixture(autouse=True)
def runner_gone() -> Iterator[None]:
    yield
    end_runners()


def test_the_screen_is_killed(tiny: Path, tmp_path: Path) -> None:
    """Its job goes on, the one behind it begins, and the next screen shows both from their first event."""
    shutil.copy(tiny, tmp_path / "mine.pt")
    with terminal([str(HALFPINT), str(tmp_path)]) as t:
        t.until("^r exports mine.pt")
        t.send("\x12")
        t.until("job #1 runs")
        export(tiny, tmp_path / "shell", "--detach")
        os.kill(t.pid, signal.SIGKILL)
    with terminal([str(HALFPINT), str(tmp_path)], size=(100, 160)) as t:
        t.until("#1 done in")
        t.until("#2 done in")
        for told in ("#1 mine.pt at 1×640×640", "#2 master-n.pt at 1×96×64"):
            assert told in t.text
    with Database() as database:
        assert [job.state for job in database.jobs()] == [State.DONE] * 2
    assert_listed(tmp_path / "shell")
