"""Thousands of changed files: each ends with a result or an error of ours, within limits, and runs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fuzz.targets import TARGETS

_TESTS = Path(__file__).parents[1]
# How many cases of each kind, of which some take longer than others: a minute on two cores for all.
CASES = {
    "pickles": 240,
    "zips": 240,
    "streams": 120,
    "safetensors": 240,
    "onnx": 480,
    "torchscript": 480,
    "manifests": 480,
    "configurations": 480,
    "locks": 480,
}
CHUNKS = {"pickles": 4, "streams": 2, "onnx": 2}
PARTS = [
    (name, part * count // CHUNKS.get(name, 1), count // CHUNKS.get(name, 1))
    for name, count in CASES.items()
    for part in range(CHUNKS.get(name, 1))
]


def test_every_kind_is_tried() -> None:
    assert set(CASES) == set(TARGETS)


@pytest.mark.parametrize(("target", "first", "count"), PARTS)
def test_changed_files_keep_the_law(target: str, first: int, count: int) -> None:
    more = ["--target", target, "--first", str(first), "--cases", str(count), "--seed", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "support.fuzz", *more]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.stdout, f"it ended with {ended.returncode} at {ended.stderr.splitlines()[-1:]}"
    summary = json.loads(ended.stdout)
    assert summary["broken"] == [], f"try again: PYTHONPATH=tests python -m support.fuzz {' '.join(more[:-1])}"
    assert summary["cases"] == count
