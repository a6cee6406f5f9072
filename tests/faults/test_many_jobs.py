"""Job after job, screen and runner hold no more than after the first: `benchmarks/many_jobs.py` has 200 of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from halfpint.core.jobs import queue
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FP32
from support.jobs import assert_listed, small
from support.runners import runners
from support.screen import Screen, drive, screen
from support.upkeep import Upkeep, hidden_files, upkeep

JOBS, WARM = 8, 3  # of which so many are done before anything is compared


def now(*pids: int) -> list[Upkeep]:
    return [upkeep(pid) for pid in pids]


def test_job_after_job_nothing_grows(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    (folder := tmp_path / "weights").mkdir()
    for number in range(JOBS):
        shutil.copy(tiny, folder / f"{number}.pt")

    async def script(s: Screen) -> None:
        for number in range(JOBS):
            queue.submit(
                small(
                    folder / f"{number}.pt", folder / "out", height=32, width=32, precisions=(FP32,),
                    verify=VerifyMode.QUICK,
                )
            )  # fmt: skip
        await s.job_over(WARM)
        (runner,) = runners()
        before = now(os.getpid(), runner)
        await s.job_over(JOBS - 1)
        after = now(os.getpid(), runner)
        await s.job_over(JOBS)
        assert [end.exit_code for end in s.ends] == [0] * JOBS
        for least, most in zip(before, after, strict=True):
            assert most.nbytes - least.nbytes < 10e6
            assert most.files <= least.files + 1, "that of a job which just begins"
            assert most.zombies <= 1

    async def run() -> None:
        async with screen(folder) as s:
            await script(s)

    drive(run())
    assert_listed(folder / "out")
    assert hidden_files(folder) == []
    assert [path for path in temporary.rglob("*") if path.is_file()] == []
