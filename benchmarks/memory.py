"""Peak memory, predicted against measured: forward passes on CPU tensors, whole jobs, and a GPU where there is one.

    python benchmarks/memory.py [--weights W …] [--jobs N] [--device N] [--save]

Forward passes run on real CPU tensors in FP32, and on shapes without data (torch's meta device) in FP16, which a CPU
computes 40 times slower; a tracker under torch's dispatcher adds up what lives. On a GPU, each figure comes from a
process of its own. Without weights, samples of yolov5n, yolov5s and DBNet-R18 in full size are made. Whole jobs are
those of `memory_matrix.py`, with weights of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from machine import describe
from memory_matrix import jobs, write_networks
from memory_matrix import measured as measured_jobs

from halfpint.core.devices import GpuSampler
from halfpint.core.memory.overheads import overheads_of
from halfpint.core.memory.run import gpu_need, run
from halfpint.core.precisions import ALL_PRECISIONS, FP16, FP32, Precision
from halfpint.core.samples.make import write_dbnet, write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec
from halfpint.core.shapes import InputShape
from halfpint.core.weights_source import WeightsSource

HERE = Path(__file__).parent
SIZES = ((320, 320), (640, 640), (800, 800), (1536, 320), (1536, 1536))
BATCHES = (1, 4)
CPU, META = "cpu", "meta"
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory, predicted against measured.")
    parser.add_argument("--weights", type=Path, nargs="+", help="checkpoints (default: samples)")
    parser.add_argument("--jobs", type=int, default=120, help="how many jobs of the matrix (default 120)")
    parser.add_argument("--device", default="0", help="the index of the GPU to measure on, if there is one (default 0)")
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = args.weights or samples(folder)
        forward = [row for path in weights for row in forward_passes(path)]
        show(forward)
        whole = whole_jobs(args.jobs)
        show(whole)
        print(worst(whole))
        gpu = [row for path in weights for row in on_gpu(path, args.device)]
        show(gpu)
        report = {
            "date": date.today().isoformat(),
            "machine": describe(),
            "unit": "bytes",
            "weights": {path.name: path.stat().st_size for path in weights},
            "forward passes off by at most": max(abs(row["measured"] - row["predicted"]) for row in forward),
            "forward passes": forward,
            "whole jobs together": worst(whole),
            "whole jobs": whole,
            "GPU": gpu or "none here",
        }
    if args.save:
        (HERE / "results" / "memory.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def samples(folder: Path) -> list[Path]:
    """Weights of full size, of both families."""
    paths = {folder / "yolov5n.pt": 0.25, folder / "yolov5s.pt": 0.5}
    for path, width in paths.items():
        write_yolov5(path, SampleSpec(width=width))
    text = folder / "dbnet-r18.pt"
    write_dbnet(text)
    return [*paths, text]


def shapes(stride: int) -> list[InputShape]:
    """The shapes of the table that a network takes."""
    return [
        InputShape(batch, 3, height, width)
        for height, width in SIZES
        for batch in BATCHES
        if height % stride == 0 and width % stride == 0
    ]


def forward_passes(path: Path) -> list[dict[str, Any]]:
    """The peak of live bytes, on CPU tensors."""
    rows: list[dict[str, Any]] = []
    with WeightsSource(path) as source:
        network = source.network
    for precision, place in ((FP32, CPU), (FP16, META)):
        for shape in shapes(network.stride):
            predicted = run(network, shape, precision).peak_allocated_nbytes
            figures = measured(path, shape, precision, place)
            rows.append(row(path, shape, precision, tensors=place, predicted=predicted, measured=figures["live"]))
    return rows


def whole_jobs(count: int) -> list[dict[str, Any]]:
    """The peak of resident memory of `halfpint export`, next to what it predicted; `off`: % of that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_networks(folder)
        rows = list(measured_jobs(jobs(count), folder))
    return [{**row, "off": f"{100 * (row['measured'] / row['predicted'] - 1):+.1f} %"} for row in rows]


def worst(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How many jobs left their range, and the ends of what was measured, in % of what was predicted."""
    parts = [row["measured"] / row["predicted"] - 1 for row in rows]
    return {
        "jobs": len(rows),
        "range": "±20 % of what was predicted",
        "outside": sum(not row["low"] <= row["measured"] <= row["high"] for row in rows),
        "lowest %": round(100 * min(parts), 1),
        "highest %": round(100 * max(parts), 1),
        "mean %": round(100 * sum(map(abs, parts)) / len(parts), 1),
    }


def on_gpu(path: Path, device: str) -> list[dict[str, Any]]:
    """What PyTorch allocates and reserves, and what NVML sees, with cuDNN's benchmark mode off and on."""
    sampler = GpuSampler()
    seen = sampler.sample()
    sampler.close()
    gpu = next((gpu for gpu in seen.gpus if str(gpu.index) == device and not gpu.problem), None)
    if gpu is None:
        return []
    with WeightsSource(path) as source:
        network = source.network
    overheads = overheads_of(gpu.name, seen.driver)
    rows: list[dict[str, Any]] = []
    for precision in ALL_PRECISIONS:
        for shape in shapes(network.stride):
            predicted = run(network, shape, precision)
            need = gpu_need(predicted, overheads)
            for mode in ("off", "on"):
                figures = measured(path, shape, precision, device, benchmark=mode == "on")
                rows.append(
                    row(
                        path,
                        shape,
                        precision,
                        gpu=gpu.name,
                        benchmark=mode,
                        allocated_predicted=predicted.replayed.peak_allocated,
                        allocated=figures["allocated"],
                        reserved_predicted=predicted.peak_reserved_nbytes,
                        reserved=figures["reserved"],
                        least=int(need.low),
                        most=int(need.high),
                        nvml=figures["nvml"],
                        source=overheads.source,
                    )
                )
    return rows


def measured(
    path: Path, shape: InputShape, precision: Precision, place: str, *, benchmark: bool = False
) -> dict[str, int]:
    """The figures of one forward pass in a process of its own."""
    command = [sys.executable, str(HERE / "memory_on.py"), place, str(path), str(precision), *map(str, shape.dims)]
    if benchmark:
        command.append("benchmark")
    environment = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as NVML counts
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)


def row(path: Path, shape: InputShape, precision: Precision, **figures: Any) -> dict[str, Any]:
    """A line of a table."""
    return {"weights": path.stem, "shape": str(shape), "precision": str(precision), **figures}


def show(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table, bytes in MiB."""
    if rows:
        print("\n" + "  ".join(rows[0]))
    for found in rows:
        cells = (f"{v / MIB:.1f}" if isinstance(v, int) else str(v) for v in found.values())
        print("  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
