"""What our jobs cost next to YOLOv5's own `export.py`: wall time and resident memory of whole processes, and the goals.

    python benchmarks/cost.py --yolov5 DIR [--python P] [--runs N] [--jobs J …] [--weights-dir DIR] [--save [FILE]]

DIR is a checkout of github.com/ultralytics/yolov5, P a Python that can run its `export.py`. Each run of ours is paired
with one of YOLOv5; who begins changes from pair to pair, and the first pair does not count. The checkpoints are made
by the checkout, untrained, and both read the same. YOLOv5 writes FP32 and verifies nothing; ours writes FP32 and FP16
and verifies both. Memory: the peaks of all processes that live at one time, summed. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cost_jobs import JOBS, MIB, Cost, Costs, Job
from cost_peer import Peer
from machine import describe, user_environment

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import dbnet

HALFPINT = str(Path(sys.executable).parent / "halfpint")
HERE = Path(__file__).parent
SAVED = HERE / "results" / "cost.json"
DBNETS = {"dbnet-r18": "resnet18", "dbnet-r50": "resnet50_vlpt"}


def main() -> None:
    parser = argparse.ArgumentParser(description="What our jobs cost next to YOLOv5's own export.py.")
    parser.add_argument("--yolov5", type=Path, metavar="DIR", help="a checkout of YOLOv5; without one, nothing is done")
    parser.add_argument("--python", default=sys.executable, help="what runs it (default: this Python)")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs that count, of each job (default 5)")
    names = [job.name for job in JOBS]
    parser.add_argument("--jobs", nargs="+", choices=names, default=names, metavar="J", help=f"of {', '.join(names)}")
    parser.add_argument("--weights-dir", type=Path, help="where checkpoints are kept (default: made anew each time)")
    parser.add_argument("--save", type=Path, nargs="?", const=SAVED, help=f"keep the figures (in {SAVED.name})")
    args = parser.parse_args()
    if args.yolov5 is None:
        print("skipped: --yolov5 names no checkout of YOLOv5 to compare with")
        return
    if not (args.yolov5 / "export.py").is_file():
        parser.error(f"{args.yolov5} holds no export.py: give a checkout of github.com/ultralytics/yolov5")
    chosen = [job for job in JOBS if job.name in args.jobs]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench.at(Path(name), args.yolov5.resolve(), args.python, args.weights_dir)
        report = {
            "date": date.today().isoformat(),
            "machine": {**describe(), "load when it began": f"{os.getloadavg()[0]:.1f}"},
            "YOLOv5": bench.peer.describe(),
            "unit of memory": "bytes",
            "pairs": args.runs,
            "jobs": [],
        }
        for job in chosen:
            report["jobs"].append(row(job, bench.costs(job, args.runs)))
            show(report["jobs"][-1])
    if args.save:
        args.save.parent.mkdir(parents=True, exist_ok=True)
        args.save.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Bench:
    """Where things lie. `out`: our files; `weights`: the checkpoints that both read."""

    peer: Peer
    out: Path
    weights: Path
    state: Path

    @classmethod
    def at(cls, folder: Path, checkout: Path, python: str, weights: Path | None) -> Bench:
        """In folders below `folder`, which are made."""
        own = [folder / name for name in ("peer", "out", "weights", "state")]
        for path in (*own, *filter(None, [weights])):
            path.mkdir(parents=True, exist_ok=True)
        return cls(Peer(checkout, python, own[0]), own[1], weights or own[2], own[3])

    def costs(self, job: Job, runs: int) -> Costs:
        """Run a job and its peer by turns; the first turn does not count."""
        weights = self.checkpoint(job.weights)
        sides: list[Callable[[], Cost]] = [lambda: self.ours(job, weights)]
        if job.peer:
            sides.append(lambda: self.theirs(job, weights))
        found: list[list[Cost]] = [[] for _ in sides]
        for turn in range(runs + 1):
            for side in sorted(range(len(sides)), reverse=turn % 2 == 1):
                cost = sides[side]()
                if turn:
                    found[side].append(cost)
        artifact = self.out / f"{job.weights}.onnx"
        made = artifact.stat().st_size if job.command == "export" else 0
        return Costs(found[0], found[1] if job.peer else (), made)

    def ours(self, job: Job, weights: Path) -> Cost:
        """One run of ours."""
        command = [HALFPINT, job.command, *job.ours]
        if job.command == "export":
            command += ["--overwrite", "--out", str(self.out), "--weights"]
        return run([*command, str(weights)], {**user_environment(), "HALFPINT_STATE": str(self.state)})

    def theirs(self, job: Job, weights: Path) -> Cost:
        """One run of YOLOv5's. It ends with 0 where an export fails, so that its files are looked for."""
        command = self.peer.export(weights, job.peer)
        expected = [self.peer.folder / f"{weights.stem}.{suffix}" for suffix in ("onnx", "torchscript")]
        expected = [path for path in expected if path.suffix[1:] in job.peer]
        for path in expected:
            path.unlink(missing_ok=True)
        cost = run(command, self.peer.environment)
        if missing := [path.name for path in expected if not path.exists()]:
            raise SystemExit(f"YOLOv5 made no {' and no '.join(missing)}: {' '.join(command)}")
        return cost

    def checkpoint(self, name: str) -> Path:
        """A checkpoint by its name; made, if it is not there."""
        path = self.weights / f"{name}.pt"
        if not path.exists() and name in DBNETS:
            path.write_bytes(dbnet.checkpoint(DBNETS[name]).read_bytes())
        elif not path.exists():
            self.peer.write(name, path)
        return path


def run(command: list[str], environment: dict[str, str]) -> Cost:
    """Run one command to its end, which has to be a good one."""
    launcher = [sys.executable, "-I", "-S", str(HERE / "cost_on.py"), *command]
    done = subprocess.run(launcher, capture_output=True, text=True, check=True, env=environment)
    figures = json.loads(done.stdout)
    if code := figures.pop("code"):
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{done.stderr[-2000:]}")
    return Cost(**figures)


def row(job: Job, costs: Costs) -> dict[str, Any]:
    """A job's figures and goals, for JSON."""
    figures: dict[str, Any] = {
        "job": job.name,
        "weights": job.weights,
        "ours": {"command": " ".join((job.command, *job.ours)), **spread(costs.ours)},
    }
    if costs.peer:
        figures["YOLOv5"] = {"command": " ".join(("export.py", *job.peer)), **spread(costs.peer)}
    if costs.artifact:
        figures["FP32 artifact"] = costs.artifact
    figures["goals"] = [
        {"goal": goal.words(costs), "found": round(goal.found(costs), 2), "met": goal.met(costs)} for goal in job.goals
    ]
    return figures


def spread(costs: Sequence[Cost]) -> dict[str, list[float]]:
    """Median, least and most of each figure."""
    found: dict[str, list[float]] = {}
    for name, digits in (("seconds", 3), ("together", None), ("largest", None)):
        figures = [getattr(cost, name) for cost in costs]
        found[name] = [round(f(figures), digits) for f in (statistics.median, min, max)]
    return found


def show(row: dict[str, Any]) -> None:
    """Print a job's rows of the table."""
    print(f"\n{row['job']}")
    for side in ("ours", "YOLOv5"):
        if side in row:
            median, least, most = row[side]["seconds"]
            memory, lowest, highest = (nbytes / MIB for nbytes in row[side]["together"])
            print(f"  {side:<8}{median:7.2f} s   ({least:.2f}–{most:.2f})", end="")
            print(f"{memory:9.0f} MiB ({lowest:.0f}–{highest:.0f})  {row[side]['command']}")
    for goal in row["goals"]:
        print(f"  {'met' if goal['met'] else 'missed':<8}{goal['found']:7.2f}    goal {goal['goal']}", flush=True)


if __name__ == "__main__":
    main()
