"""Cases of one kind of file, one after the other, each within the limits that hold for its size."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from support.confined import SECONDS, SECONDS_A_MB, Outcome, Watch, attempt, load_the_rest
from support.fuzz.dice import Dice
from support.fuzz.targets import TARGETS, Target


@dataclass(frozen=True)
class Case:
    """A changed file, by the name that its draws follow from, and how reading it ended."""

    target: str
    seed: int
    number: int
    action: str
    nbytes: int
    outcome: Outcome

    def __str__(self) -> str:
        name = f"--target {self.target} --seed {self.seed} --first {self.number} --cases 1"
        return f"{self.outcome.broken} ({self.action}, {self.nbytes:,} bytes: {name})\n{self.outcome.text[-500:]}"


@dataclass
class Summary:
    """What came of many cases. `ends`: how many ended with each exit code; `slowest`: seconds over the goal's."""

    target: str
    cases: int = 0
    ends: dict[int, int] = field(default_factory=dict[int, int])
    slowest: float = 0.0
    most_nbytes: int = 0
    broken: list[Case] = field(default_factory=list[Case])

    def add(self, case: Case) -> None:
        outcome = case.outcome
        self.cases += 1
        self.ends[outcome.code] = self.ends.get(outcome.code, 0) + 1
        goal = SECONDS + SECONDS_A_MB * case.nbytes / 1e6
        self.slowest = max(self.slowest, outcome.seconds / goal)
        self.most_nbytes = max(self.most_nbytes, outcome.nbytes)
        if outcome.broken:
            self.broken.append(case)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        ends = ", ".join(f"{count} with {code}" for code, count in sorted(self.ends.items()))
        figures = f"slowest {self.slowest:.2f} of the goal's time, most {self.most_nbytes / 2**20:.0f} MiB"
        return f"{self.target}: {self.cases} cases, {len(self.broken)} broke the law; ended {ends}; {figures}"


def prepared(target: Target) -> None:
    """Read the first seed in each way, and the others in one: all is imported then, before anything is measured."""
    load_the_rest()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seed{target.suffix}"
        _furnish(Path(folder))
        ways = list(target.read.values())
        for i, seed in enumerate(dict.fromkeys(target.seeds())):
            path.write_bytes(seed)
            for read in ways if i == 0 else ways[:1]:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):  # some are refused
                    read(path)
    gc.collect()
    gc.freeze()  # what is there by now need not be looked at again and again


def cases(name: str, seed: int, first: int, count: int) -> Iterator[Case]:
    """Try so many cases of a target, from the one of number `first` on."""
    target, watch = TARGETS[name], Watch()
    prepared(target)
    for number in range(first, first + count):
        dice = Dice(f"{name}/{seed}/{number}")
        data = target.change(dice.choice(target.seeds()), dice)
        action = dice.choice(list(target.read))
        sys.stderr.write(f"{name}/{seed}/{number} {action} {len(data)}\n")  # if this process ends, that was the last
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"odd{target.suffix}"
            path.write_bytes(data)
            _furnish(Path(folder))
            outcome = attempt(lambda: target.read[action](path), len(data), watch, target.may)  # noqa: B023
        yield Case(name, seed, number, action, len(data), outcome)


def _furnish(folder: Path) -> None:
    """What lies beside a file: a folder for artifacts, with two in it."""
    (folder / "folder").mkdir()
    for name in ("best.onnx", "best.fp16.onnx"):
        (folder / "folder" / name).write_bytes(b"artifact")
