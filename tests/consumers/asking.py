"""A consumer is asked: its batch is laid out, its runner works it off in its own environment, answers are judged."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from .cases import COLUMNS, Case, Column, Question
from .consumer import Consumer, Way

RUNNERS = Path(__file__).parent / "runners"
# Runners take one core each, and tell nobody that they ran.
_QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


class Result(StrEnum):
    """What comes of a file. SAME: every answer is as near to float64 as rounding allows."""

    SAME = "same"
    WRONG = "wrong"
    FAILS = "fails"


@dataclass(frozen=True)
class Outcome:
    """What one consumer made of one file in one way. `detail`: the consumer's error, or what is off."""

    case: str
    group: str
    column: str
    way: str
    result: Result
    detail: str = ""


@dataclass(frozen=True)
class Answered:
    """A consumer's version, as it tells it, and what it made of every file."""

    version: str
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Answered:
        values = json.loads(text)
        outcomes = (Outcome(**{**value, "result": Result(value["result"])}) for value in values["outcomes"])
        return cls(values["version"], tuple(outcomes))


@dataclass(frozen=True)
class Item:
    """A file, how it is loaded, and the questions it is asked: paths of `Question`s, the image beside each as .npy."""

    file: Path
    case: Case
    column: Column
    way: Way
    questions: tuple[Path, ...]


def items_for(consumer: Consumer, asked: Sequence[Case], files: Path) -> Iterator[Item]:
    """Everything that a consumer is asked. `files`: where the cases were made, a folder each."""
    for case in asked:
        folder = files / case.name
        for column in COLUMNS:
            several = consumer.any_size and (column.dynamic or not column.kind.target.declares_sizes)
            for way in consumer.ways_of(column):
                questions = ("own", "other") if several and way.any_size else ("own",)
                file = case.file(folder, column, consumer.opset)
                yield Item(file, case, column, way, tuple(folder / f"{name}.npz" for name in questions))


def ask(consumer: Consumer, python: Path, items: Sequence[Item], folder: Path) -> Answered:
    """Have a consumer's runner answer, in a new folder, with `python`, the interpreter that has the consumer."""
    folder.mkdir(parents=True)
    batch = [
        {
            "key": str(number),
            "file": str(item.file),
            "images": [str(path.with_suffix(".npy")) for path in item.questions],
            "outputs": item.case.outputs,
            "way": item.way.name,
        }
        for number, item in enumerate(items)
    ]
    (folder / "batch.json").write_text(json.dumps(batch))
    while True:
        command = [python, RUNNERS / f"run_{consumer.runner}.py", folder]
        done = subprocess.run(command, env=os.environ | _QUIET, capture_output=True, text=True, check=False)
        if not done.returncode:
            break
        begun = [n for n in range(len(items)) if (folder / f"{n}.begun").exists()]
        assert begun, done.stderr  # it did not even start
        dead = folder / f"{begun[-1]}.error"
        assert not dead.exists(), done.stderr
        dead.write_text(f"the process ended with {done.returncode}")
    outcomes = (_outcome(item, folder / str(number)) for number, item in enumerate(items))
    return Answered((folder / "version").read_text(), tuple(outcomes))


def _outcome(item: Item, written: Path) -> Outcome:
    result, detail = Result.SAME, ""
    if (error := written.with_suffix(".error")).exists():
        result, detail = Result.FAILS, error.read_text()
    else:
        precision = item.way.judged_in(item.column)
        with np.load(written.with_suffix(".npz")) as arrays:
            for i, path in enumerate(item.questions):
                answer = [arrays[name] for name in arrays if name.startswith(f"{i}-")]
                if off := item.case.off(answer, Question.read(path), precision):
                    result, detail = Result.WRONG, f"image {i}: {off}"
                    break
    return Outcome(item.case.name, item.case.group, str(item.column), item.way.name, result, detail)
