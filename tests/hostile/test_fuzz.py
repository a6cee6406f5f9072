"""Thousands of changed files: each ends with a result or an error of ours, within limits, and runs nothing."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import confined
from support.confined import Watch
from support.fuzz.targets import TARGETS

_TESTS = Path(__file__).parents[1]
# How many cases of each kind, of which some take longer than others: a minute on two cores for all.
CASES = {
    "pickles": 120,
    "zips": 160,
    "streams": 80,
    "safetensors": 240,
    "onnx": 200,
    "torchscript": 480,
    "manifests": 480,
    "configurations": 480,
    "locks": 480,
}
CHUNKS = {"pickles": 3, "zips": 2, "streams": 2, "onnx": 2}
PARTS = [
    (name, part * count // CHUNKS.get(name, 1), count // CHUNKS.get(name, 1))
    for name, count in CASES.items()
    for part in range(CHUNKS.get(name, 1))
]


def test_every_kind_is_tried() -> None:
    assert set(CASES) == set(TARGETS)


def say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def for_ever() -> int:
    while True:
        pass


BREAKS: dict[str, tuple[Callable[[], object], str]] = {
    "a program": (lambda: os.system("true"), "it did os.system"),
    "a file": (lambda: os.open(os.devnull, os.O_WRONLY), "it did open '/dev/null' to write"),
    "code": (lambda: eval("1 + 1"), "it did compile"),  # noqa: S307
    "a pickle": (lambda: pickle.loads(pickle.dumps(os.getcwd)), "it did pickle.find_class"),  # noqa: S301
    "a crash": (lambda: [][1], "IndexError at test_fuzz.py"),
    "memory": (lambda: bytearray(2**30), "memory"),
    "time": (for_ever, "time"),
    "an escape": (lambda: say("\x1b[2J"), "it said '\\x1b'"),
    "a fault of ours": (lambda: say("this is a fault of ours"), "nobody thought of it"),
    "nothing": (lambda: say("all is well"), ""),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_what_breaks_the_law_is_noticed(kind: str, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "PATIENCE", 0.1)
    action, broken = BREAKS[kind]
    outcome = confined.attempt(lambda: int(bool(action())), 0, watch)
    assert outcome.broken.startswith(broken)
    assert bool(outcome.broken) == bool(broken)


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


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
