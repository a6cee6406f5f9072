"""A plan for two GPUs, one of whose weights are hostile and one of whose workers is killed: all else is published."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpint.core.jobs.database import Database, State
from halfpint.core.jobs.room import gpu_nbytes
from halfpint.core.precisions import FLOATS
from support.command import HALFPINT
from support.gpus import environment_with
from support.jobs import assert_listed, small
from support.patience import until
from support.runners import end_runners
from support.shapes import picture_folder
from support.stops import environment_with_stops, stopped_at


@pytest.fixture(autouse=True)
def runner_gone() -> Iterator[None]:
    yield
    end_runners()


def test_all_else_is_published_and_the_summary_names_the_two(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exhaustive: bool
) -> None:
    """20 weights in 3 precisions with --exhaustive."""
    checkpoints, side, precisions, more = 3, 64, ["fp32", "fp16"], ""
    if exhaustive:
        pictures = picture_folder(tmp_path / "shapes", labels=True)
        checkpoints, side, precisions, more = 18, 320, ["fp32", "fp16", "int8"], f'data = "{pictures}"'
    for name in ("weights", "stops", "gpus"):
        (tmp_path / name).mkdir()
    names = ["at-write", *map(str, range(checkpoints))]
    for name in names:
        shutil.copy(trained, tmp_path / "weights" / f"{name}.pt")
    (tmp_path / "weights" / "evil.pt").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    (tmp_path / "plan.toml").write_text(f"""
        device = "auto"
        imgsz = {side}
        precision = {precisions}
        out = "out"
        {more}
        [[export]]
        weights = "weights/*.pt"
    """)
    one = small(trained, tmp_path / "out", height=side, width=side, precisions=FLOATS, device="0")
    enough = int(1.5 * gpu_nbytes(one))  # for one job on each GPU
    monkeypatch.setenv("PYTHONPATH", environment_with_stops(tmp_path / "stops"))
    environment = environment_with(tmp_path / "gpus", enough, enough)
    command = [HALFPINT, "export", "--plan", tmp_path / "plan.toml"]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: stopped_at(tmp_path / "stops", "write"))
    with Database() as database:
        until(lambda: any(job.state is State.DONE for job in database.jobs()))  # the other GPU's jobs go on
        os.kill(stopped_at(tmp_path / "stops", "write"), signal.SIGKILL)
        out, errors = running.communicate()
        devices = {job.device for job in database.jobs()}
    assert running.returncode == 1
    assert devices == {"0", "1"}
    assert f"{checkpoints} of {checkpoints + 2} jobs are done" in out
    assert "at-write.pt" in out.splitlines()[-2] and "evil.pt" in out.splitlines()[-2]
    assert "killed the worker (SIGKILL)" in errors and "evil.pt" in errors
    assert_listed(tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.onnx"))) == len(precisions) * checkpoints
    assert not Path("/tmp/owned").exists()
