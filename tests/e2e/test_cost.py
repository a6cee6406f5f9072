"""How the benchmark of cost measures a process and those that it starts."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MIB = 2**20
# Each holds so much, and the first starts the second; both live until their input ends.
HOLDS = "import subprocess, sys; held = b'x' * {nbytes}; {then}; print('ready', flush=True); sys.stdin.read()"

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


def test_processes_that_live_together_are_summed() -> None:
    child = HOLDS.format(nbytes=100 * MIB, then="0")
    start = f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=-1); child.stdout.readline()"
    parent = HOLDS.format(nbytes=40 * MIB, then=start)
    with subprocess.Popen([sys.executable, "-c", parent], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        tree = runpy.run_path(str(BENCHMARKS / "cost_on.py"))["Tree"](process.pid)
        tree.look()
        assert 40 * MIB < tree.together < 100 * MIB, "who has come counts at the next look"
        tree.look()
        assert 100 * MIB < tree.largest < 140 * MIB < tree.together
        process.communicate()


def test_a_command_is_told_with_its_exit_code_its_time_and_its_memory() -> None:
    command = [sys.executable, "-c", f"held = b'x' * {100 * MIB}; print('said'); raise SystemExit(7)"]
    launcher = [sys.executable, "-I", "-S", str(BENCHMARKS / "cost_on.py")]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    assert figures["code"] == 7
    assert figures["seconds"] > 0
    assert 100 * MIB < figures["largest"] <= figures["together"] < 200 * MIB
    assert done.stderr == "said\n"


def test_without_a_checkout_of_yolov5_nothing_is_measured() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARKS / "cost.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("skipped")
