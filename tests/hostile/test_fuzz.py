"""Thousands of changed files: each ends with a result or an error of ours, within limits, and runs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.breaks import BREAKS
from support.fuzz.targets import TARGETS

_TESTS = Path(__file__).parents[1]
# How many cases of each kind, of which some take longer than others: half a minute on two cores for all.
CASES = {
    "pickles": 45,
    "zips": 80,
    "streams": 40,
    "safetensors": 120,
    "onnx": 60,
    "torchscript": 240,
    "manifests": 240,
    "configurations": 240,
    "locks": 240,
}
EXHAUSTIVE = 4  # times as many, where every case is wanted
CHUNKS = {"pickles": 3, "zips": 2, "streams": 2, "onnx": 2}
PARTS = [
    (name, part * count // CHUNKS.get(name, 1), count // CHUNKS.get(name, 1))
    for name, count in CASES.items()
    for part in range(CHUNKS.get(name, 1))
]


def test_every_kind_is_tried() -> None:
    assert set(CASES) == set(TARGETS)


@pytest.mark.parametrize("kind", BREAKS)
def test_what_breaks_the_law_is_noticed(kind: str) -> None:
    _, broken = BREAKS[kind]
    noticed = ended(["support.breaks", kind]).stdout.strip()
    assert noticed.startswith(broken)
    assert bool(noticed) == bool(broken)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("target", "first", "count"), PARTS)
def test_changed_files_keep_the_law(target: str, first: int, count: int, exhaustive: bool) -> None:
    if exhaustive:
        first, count = EXHAUSTIVE * first, EXHAUSTIVE * count
    more = ["--target", target, "--first", str(first), "--cases", str(count), "--seed", "0", "--json"]
    fuzzed = ended(["support.fuzz", *more])
    assert fuzzed.stdout, f"it ended with {fuzzed.returncode} at {fuzzed.stderr.splitlines()[-1:]}"
    summary = json.loads(fuzzed.stdout)
    assert summary["broken"] == [], f"try again: PYTHONPATH=tests python -m support.fuzz {' '.join(more[:-1])}"
    assert summary["cases"] == count


def ended(module: list[str]) -> subprocess.CompletedProcess[str]:
    """A module of the tests, with its arguments, run to its end in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *module], capture_output=True, text=True, env=environment, check=False)
