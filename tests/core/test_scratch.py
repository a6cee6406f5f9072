"""Scratch folders go when they are left, and what a killed process left goes with the next one."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from halfpint.core.scratch import scratch

KILLED = """
import os, signal
from halfpint.core.scratch import scratch
with scratch() as folder:
    (folder / "model.onnx").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""
MANY = """
from halfpint.core.scratch import scratch
for _ in range(200):
    with scratch() as folder:
        (folder / "model.onnx").touch()
        assert (folder / "model.onnx").exists()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def left(temporary: Path) -> list[Path]:
    return [path for path in temporary.rglob("*") if path.is_file() or path.parent.name == "scratch"]


def test_a_scratch_folder_is_private_and_goes(temporary: Path) -> None:
    with scratch() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parents[1].stat().st_mode) == 0o700
        assert folder.is_relative_to(temporary)
        (folder / "deep").mkdir()
        (folder / "deep" / "file").touch()
    assert left(temporary) == []


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(temporary: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(left(temporary)) == 2
    with scratch() as mine, scratch() as other:
        assert {path.name for path in left(temporary)} == {mine.name, other.name}
    assert left(temporary) == []


def test_processes_do_not_sweep_each_other_s(temporary: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", MANY], env=dict(os.environ)) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert left(temporary) == []
