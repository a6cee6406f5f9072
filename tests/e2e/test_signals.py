"""How the command ends when somebody ends it: signals, closed pipes, full disks; what lies in the folder then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.command import HALFPINT, halfpint
from support.jobs import assert_listed, names

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
_PATIENCE_SECONDS = 60.0


def export_of(tiny: Path, out: Path, *more: str) -> list[str]:
    formats = ("--include", "onnx", "torchscript", "--precision", "fp32", "fp16")
    return [str(HALFPINT), "export", "--weights", str(tiny), "--out", str(out), *formats, "--json", *more]


@contextmanager
def running(command: list[str], until: str) -> Iterator[subprocess.Popen[str]]:
    """The command, once it has printed a line with a text in it."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert any(until in line for line in process.stdout), "it ended before"
        yield process


def wait_for(state: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not state():
        assert time.monotonic() < end
        time.sleep(0.02)


def workers_of(out: Path) -> list[int]:
    """The processes that hold a file open in a folder."""
    found: list[int] = []
    for fds in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(fd.readlink().is_relative_to(out) for fd in fds.iterdir()):
                found.append(int(fds.parent.name))
        except OSError:  # it ended, or belongs to somebody else
            continue
    return found


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_to_an_export_cancels_its_job(tiny: Path, tmp_path: Path, number: int, code: int) -> None:
    with running(export_of(tiny, tmp_path), '"stage": "run"') as process:
        assert workers_of(tmp_path)
        process.send_signal(number)
        rest, complaint = process.communicate()
    assert process.returncode == code
    assert "cancelled; nothing half-written is left" in complaint
    assert json.loads(rest.splitlines()[-1])["message"] == "cancelled"
    assert list(names(tmp_path)) == []
    assert workers_of(tmp_path) == []


def test_timeout_ends_an_export(tiny: Path, tmp_path: Path) -> None:
    command = ["timeout", "--preserve-status", "0.5", *export_of(tiny, tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 143
    assert workers_of(tmp_path) == []
    assert list(names(tmp_path)) == []


def test_a_hangup_that_is_ignored_stays_ignored(tiny: Path, tmp_path: Path) -> None:
    with running(["nohup", *export_of(tiny, tmp_path)], '"stage": "run"') as process:
        process.send_signal(signal.SIGHUP)
        process.communicate()
    assert process.returncode == 0
    assert_listed(tmp_path)


def test_with_the_command_killed_its_job_ends_too(tiny: Path, tmp_path: Path) -> None:
    with running(export_of(tiny, tmp_path), '"stage": "run"') as process:
        process.kill()
        process.communicate()
    wait_for(lambda: not workers_of(tmp_path))
    assert list(names(tmp_path)) == []


def test_a_reader_that_goes_away_cancels_the_job(tiny: Path, tmp_path: Path) -> None:
    for more in ((), ("--overwrite",)):
        with running(export_of(tiny, tmp_path, *more), "job-started") as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            complaint = process.stderr.read()
        assert process.returncode == 141
        assert "nobody reads the output any more: cancelled; nothing half-written is left" in complaint
        assert list(names(tmp_path)) == []
        assert workers_of(tmp_path) == []


def test_output_that_cannot_be_written(tiny: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(export_of(tiny, tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "the output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(names(tmp_path)) == []


@pytest.mark.parametrize("command", ["inspect", "estimate", "export --imgsz 64 --out . --weights"])
def test_a_pipe_that_nobody_reads_ends_with_141(tiny: Path, tmp_path: Path, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [HALFPINT, *command.split(), tiny]
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
    os.close(writing)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_closed_standard_streams_are_no_traceback(tiny: Path) -> None:
    done = subprocess.run(["sh", "-c", f"'{HALFPINT}' inspect '{tiny}' >&-"], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# Each command at work, for as long as it takes until the signal comes.
AT_WORK = """
import signal, sys, types
from halfpint.cli.main import main
def work(args):
    print("at work", flush=True)
    while True:
        signal.pause()
sys.modules["halfpint.cli." + sys.argv[1].replace("-", "_")] = types.SimpleNamespace(run=work)
raise SystemExit(main(sys.argv[1:]))
"""
COMMANDS = [
    ["export", "--weights", "w.pt"],
    ["estimate", "w.pt"],
    ["inspect", "w.pt"],
    ["halve", "m.onnx"],
    ["verify", "m.onnx", "--against", "w.pt"],
    ["measure-gpu"],
    ["demo", "--headless"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_every_command_ends_with_the_signal_s_code(arguments: list[str]) -> None:
    for number, code in SIGNALS:
        with running([sys.executable, "-c", AT_WORK, *arguments], "at work") as process:
            process.send_signal(number)
            _, complaint = process.communicate()
        assert (process.returncode, complaint) == (code, "")


def test_several_jobs_end_together(tiny: Path, tmp_path: Path) -> None:
    weights = [tmp_path / name for name in ("a.pt", "b.pt")]
    for path in weights:
        path.write_bytes(tiny.read_bytes())
    command = [str(HALFPINT), "export", "--weights", *map(str, weights), "--out", str(tmp_path / "out"), "--json"]
    with running([*command, "--imgsz", "64"], '"job-finished"') as process:
        assert process.stdout is not None
        next(process.stdout)  # the second has begun
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 143
    assert list(names(tmp_path / "out")) == ["a.halfpint.json", "a.onnx"]
    assert_listed(tmp_path / "out")


# ---- limits


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("-v 300000", "a process may map 293.0 MiB of memory here (ulimit -v), and the job needs more"),
        ("-v 130000", "a process may map 127.0 MiB of memory here (ulimit -v), and the job needs more"),
        ("-f 500", "cannot be written: it needs 1.9 MB, and files may have 0.5 MB here"),
        ("-t 1", "a process may take 1 s of CPU time here (ulimit -t), and the worker did"),
    ],
)
def test_a_limit_is_told_as_what_it_is(tiny: Path, tmp_path: Path, limit: str, told: str) -> None:
    command = f"ulimit {limit} && exec '{HALFPINT}' export --weights '{tiny}' --out '{tmp_path}' --imgsz 640"
    size = " --include torchscript --batch 8" if "-t" in limit else " --include onnx torchscript"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-c", command + size], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1, done.stderr
    assert told in done.stderr
    assert_listed(tmp_path)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("-v 150000", "a process may map 146.5 MiB of memory here (ulimit -v), and the job needs more"),
        ("-v 170000", "a process may map 166.0 MiB of memory here (ulimit -v), and the job needs more"),
        ("-t 2", "a process may take 2 s of CPU time here (ulimit -t), and this one did"),
    ],
)
def test_a_limit_is_no_fault_of_the_file_that_is_verified(tiny: Path, tmp_path: Path, limit: str, told: str) -> None:
    size = ("--imgsz", 1024) if "-t" in limit else ("--imgsz", 64)
    done = halfpint("export", "--weights", tiny, "--out", tmp_path, "--verify", "quick", *size)
    assert done.returncode == 0, done.stderr
    command = f"ulimit {limit} && exec '{HALFPINT}' verify '{tmp_path / 'master-n.onnx'}' --against '{tiny}'"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1, done.stderr
    assert told in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("file", "file is a file, not a folder"),
        ("file/x", "file is a file, not a folder"),
        ("n" * 300, "would be too long for its file system"),
    ],
)
def test_a_folder_that_cannot_be(tiny: Path, tmp_path: Path, where: str, told: str) -> None:
    (tmp_path / "file").touch()
    done = halfpint("export", "--weights", tiny, "--out", tmp_path / where, "--imgsz", 64)
    assert done.returncode == 2
    assert told in done.stderr
    assert list(names(tmp_path)) == ["file"]
