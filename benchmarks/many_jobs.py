"""What screen, runner and `halfpint export --plan` hold while many small jobs are done: memory, open files, zombies.

    PYTHONPATH=tests python benchmarks/many_jobs.py WEIGHTS [--jobs N] [--by plan screen] [--save]

Each job is ONNX in FP32 at 32×32, verified quickly: what is measured is all around it. The jobs are first those of one
plan, then those of one screen, on which they are marked and exported. After each job, the processes are looked at; the
first tenth is warm-up. What is left behind in the folder and in the temporary one is counted at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
from machine import describe

from halfpint.core.jobs import queue
from halfpint.core.jobs.database import Database
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import REFERENCE
from halfpint.core.spec import ExportSpec
from support.runners import runners
from support.screen import screen
from support.upkeep import Upkeep, hidden_files, upkeep

HALFPINT = str(Path(sys.executable).parent / "halfpint")
SAVED = Path(__file__).parent / "results" / "many_jobs.json"
POLL_SECONDS = 0.25
SIDE = 32


class Watch(Thread):
    """Looks at processes by their names each time that a job has ended."""

    def __init__(self, **pids: int) -> None:
        super().__init__(daemon=True)
        self.pids, self.over = pids, Event()
        self.seen: dict[str, dict[int, Upkeep]] = {}
        self.start()

    def run(self) -> None:
        with Database() as database:
            while not self.over.wait(POLL_SECONDS):
                ended = sum(job.state.over for job in database.jobs())
                for name, pid in (*self.pids.items(), *((f"runner {pid}", pid) for pid in runners())):
                    try:
                        self.seen.setdefault(name, {}).setdefault(ended, upkeep(pid))
                    except psutil.NoSuchProcess:
                        continue

    def told(self, jobs: int) -> Mapping[str, Any]:
        """Of each process what it held after the warm-up: first, last, least and most."""
        self.over.set()
        self.join()
        found: dict[str, Any] = {}
        for name, moments in self.seen.items():
            warm = [moment for ended, moment in moments.items() if jobs // 10 <= ended < jobs]
            if not warm:
                continue
            sizes = [moment.nbytes / 1e6 for moment in warm]
            found[name] = {
                "first": asdict(warm[0]),
                "last": asdict(warm[-1]),
                "MB": {"first": sizes[0], "last": sizes[-1], "least": min(sizes), "most": max(sizes)},
                "files": {"least": min(m.files for m in warm), "most": max(m.files for m in warm)},
                "zombies": max(m.zombies for m in warm),
            }
            told = f"{sizes[0]:.1f} MB, at last {sizes[-1]:.1f} MB ({min(sizes):.1f} to {max(sizes):.1f})"
            files = f"{found[name]['files']['least']} to {found[name]['files']['most']} files"
            print(f"  {name:<14}{told}; {files}; {found[name]['zombies']} zombies at most", flush=True)
        return found


def by_plan(folder: Path, jobs: int) -> Mapping[str, Any]:
    plan = folder / "plan.toml"
    plan.write_text(f'imgsz = {SIDE}\nverify = "quick"\nout = "out"\n[[export]]\nweights = "*.pt"\n')
    running = subprocess.Popen([HALFPINT, "export", "--plan", str(plan)], stdout=subprocess.DEVNULL)
    watch = Watch(command=running.pid)
    running.wait()
    return {**watch.told(jobs), "exit code": running.returncode}


def by_screen(folder: Path, jobs: int) -> Mapping[str, Any]:
    async def run() -> Mapping[str, Any]:
        async with screen(folder) as s:
            watch = Watch(screen=os.getpid())
            for path in sorted(folder.glob("*.pt")):
                spec = ExportSpec.of(path, folder / "out", SIDE, SIDE, precisions=(REFERENCE,), verify=VerifyMode.QUICK)
                queue.submit(spec)
            while len(s.ends) < jobs:
                await s.pilot.pause(POLL_SECONDS)
            return {**watch.told(jobs), "exit code": max(end.exit_code for end in s.ends)}

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description="What many small jobs leave behind.")
    parser.add_argument("weights", type=Path, help="of a small network")
    parser.add_argument("--jobs", type=int, default=200, help="how many each way (default 200)")
    parser.add_argument("--by", nargs="+", choices=("plan", "screen"), default=("plan", "screen"))
    parser.add_argument("--save", action="store_true", help=f"keep the figures (in {SAVED.name})")
    args = parser.parse_args()
    report: dict[str, Any] = {"date": date.today().isoformat(), "machine": describe(), "jobs": args.jobs}
    for way in args.by:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for part in ("weights", "state", "config", "temporary"):
                (root / part).mkdir()
            os.environ |= {
                "HALFPINT_STATE": str(root / "state"),
                "HALFPINT_CONFIG": str(root / "config"),
                "TMPDIR": str(root / "temporary"),
            }
            for number in range(args.jobs):
                shutil.copy(args.weights, root / "weights" / f"{number:03d}.pt")
            print(f"{args.jobs} jobs by one {way}", flush=True)
            began = time.perf_counter()
            found = (by_plan if way == "plan" else by_screen)(root / "weights", args.jobs)
            left = [str(path.name) for path in (root / "temporary").rglob("*") if path.is_file()]
            left += hidden_files(root / "weights")
            made = len(list((root / "weights" / "out").glob("*.onnx")))
            seconds = time.perf_counter() - began
            print(f"  {made} artifacts in {seconds:.0f} s, exit code {found['exit code']}; left: {left or 'nothing'}")
            report[way] = {**found, "seconds": round(seconds, 1), "artifacts": made, "left behind": left}
    if args.save:
        SAVED.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
