"""How long the command takes, whole process, next to `import torch`; and how large the files are.

    python benchmarks/export.py [--weights W] [--runs N] [--save]

Commands take turns, so that a machine that slows down slows all of them. Without weights, a sample of yolov5s's
full size is made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from machine import describe

from halfpint.core.samples.make import write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec

HALFPINT = str(Path(sys.executable).parent / "halfpint")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the command, whole process, and measure its files.")
    parser.add_argument("--weights", type=Path, help="a checkpoint (default: a sample of yolov5s's size)")
    parser.add_argument("--runs", type=int, default=7, help="runs of each command (default 7)")
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        weights = args.weights or Path(name, "yolov5s.pt")
        if not args.weights:
            write_yolov5(weights, SampleSpec(width=0.5))
        out = Path(name, "out")
        seconds = timed(commands(weights, out), args.runs)
        sizes = {path.suffixes[-1] if len(path.suffixes) == 1 else "".join(path.suffixes[-2:]): path.stat().st_size
                 for path in sorted(out.iterdir()) if path.suffix != ".json"}  # fmt: skip
        report = {
            "date": date.today().isoformat(),
            "machine": describe(),
            "weights": f"{weights.name}, {weights.stat().st_size:,} bytes",
            "seconds of whole process: median, least, most": {
                name: [round(f(s), 2) for f in (statistics.median, min, max)] for name, s in seconds.items()
            },
            "file sizes in bytes": sizes,
            "FP16 ONNX / FP32 ONNX": round(sizes[".fp16.onnx"] / sizes[".onnx"], 4),
        }
    text = json.dumps(report, indent=2)
    print(text)
    if args.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "export.json").write_text(text + "\n", encoding="utf-8")


def commands(weights: Path, out: Path) -> dict[str, list[str]]:
    """What is timed, by name."""
    export = [HALFPINT, "export", "--weights", str(weights), "--out", str(out), "--overwrite"]
    both = [*export, "--precision", "fp32", "fp16"]
    return {
        "python -c 'import torch'": [sys.executable, "-c", "import torch"],
        "inspect": [HALFPINT, "inspect", str(weights)],
        "ONNX FP32 + FP16 at 640x640, quick": [*both, "--verify", "quick"],
        "ONNX FP32 + FP16 at 640x640, full": both,
        "ONNX FP32 + FP16 at 320x320, full": [*both, "--imgsz", "320"],
        "ONNX + TorchScript, FP32 + FP16, dynamic, full": [*both, "--include", "onnx", "torchscript", "--dynamic"],
    }


def timed(commands: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """Seconds of every run; the commands take turns, and the first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
