"""How long a cancelled job takes to end: ^C at moments all over it, in seconds.

    python benchmarks/cancel.py WEIGHTS [--moments N] [--save]

The job is ONNX in FP32 and FP16, fully verified. One run is left alone and tells how long a job takes; then one run
for each moment is sent SIGINT, and its end is waited for.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from machine import describe, user_environment

HALFPINT = str(Path(sys.executable).parent / "halfpint")
SAVED = Path(__file__).parent / "results" / "cancel.json"
JOB = ("--include", "onnx", "--precision", "fp32", "fp16", "--overwrite")


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a cancelled job takes to end.")
    parser.add_argument("weights", type=Path, help="the job's weights")
    parser.add_argument("--moments", type=int, default=20, help="how often it is cancelled (default 20)")
    parser.add_argument("--save", action="store_true", help=f"keep the figures (in {SAVED.name})")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = [HALFPINT, "export", "--weights", str(args.weights), *JOB, "--out", name]
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=user_environment())
        whole = time.perf_counter() - started
        seconds: list[float] = []
        for number in range(args.moments):
            after = whole * (number + 0.5) / args.moments
            if (taken := cancelled(command, after)) is None:
                print(f"  {after:6.2f} s  had ended already")
                continue
            seconds.append(taken)
            print(f"  {after:6.2f} s  {taken:.2f} s", flush=True)
    print(f"median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s")
    if args.save:
        report = {
            "date": date.today().isoformat(),
            "machine": {**describe(), "load when it ended": f"{os.getloadavg()[0]:.1f}"},
            "weights": args.weights.name,
            "whole job": round(whole, 2),
            "seconds": [round(each, 3) for each in seconds],
        }
        SAVED.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def cancelled(command: list[str], after: float) -> float | None:
    """Seconds from SIGINT, sent `after` seconds after the start, to the command's end; None if it had ended."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=user_environment()) as job:
        try:
            job.wait(after)
            return None
        except subprocess.TimeoutExpired:
            sent = time.perf_counter()
        job.send_signal(signal.SIGINT)
        code = job.wait()
        if code == 0:  # its files were being given their names
            return None
        if code != 130:
            raise SystemExit(f"a cancelled job ended with {code}")
        return time.perf_counter() - sent


if __name__ == "__main__":
    main()
