"""Peak memory, predicted against measured: forward passes on CPU tensors, whole jobs, and a GPU where there is one.

    python benchmarks/memory.py [--parts forward jobs gpu] [--weights W …] [--jobs N] [--device N] [--save FILE]

`benchmarks/results/memory.json` is such a file.

Forward passes run on real CPU tensors in FP32, and on shapes without data (torch's meta device) in FP16, which a CPU
computes 40 times slower; a tracker under torch's dispatcher adds up what lives. On a GPU, each figure comes from a
process of its own, several at once; `nvml` is right where NVML lists the processes of a GPU. Without weights, samples
of yolov5n, yolov5s and DBNet-R18 in full size are made. Whole jobs are those of `memory_matrix.py`, with weights of
their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from machine import describe
from memory_matrix import jobs, write_networks
from memory_matrix import measured as measured_jobs

from halfpint.core.devices import GpuSampler
from halfpint.core.memory.overheads import overheads_of
from halfpint.core.memory.run import gpu_need, run
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.samples.make import write_dbnet, write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec
from halfpint.core.shapes import InputShape
from halfpint.core.weights_source import WeightsSource

HERE = Path(__file__).parent
SIZES = ((320, 320), (640, 640), (800, 800), (1536, 320), (1536, 1536))
BATCHES = (1, 4)
CPU, META = "cpu", "meta"
MIB = 2**20
PARTS = ("forward", "jobs", "gpu")


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory, predicted against measured.")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    parser.add_argument("--weights", type=Path, nargs="+", help="checkpoints (default: samples)")
    parser.add_argument("--jobs", type=int, default=120, help="how many jobs of the matrix (default 120)")
    parser.add_argument("--device", default="0", help="the index of the GPU to measure on, if there is one (default 0)")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="where to keep the figures, such as benchmarks/results/memory.json"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = args.weights or samples(folder)
        report: dict[str, Any] = {
            "date": date.today().isoformat(),
            "machine": describe(),
            "unit": "bytes",
            "weights": {path.name: path.stat().st_size for path in weights},
        }
        if "forward" in args.parts:
            forward = show(row for path in weights for row in forward_passes(path))
            report["forward passes off by at most"] = max(abs(row["measured"] - row["predicted"]) for row in forward)
            report["forward passes"] = forward
        if "jobs" in args.parts:
            whole = show(whole_jobs(args.jobs))
            print(worst(whole))
            report |= {"whole jobs together": worst(whole), "whole jobs": whole}
        if "gpu" in args.parts:
            report["GPU"] = show(on_gpu(weights, args.device)) or "none here"
    if args.save:
        args.save.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


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


def forward_passes(path: Path) -> Iterator[dict[str, Any]]:
    """The peak of live bytes, on CPU tensors."""
    with WeightsSource(path) as source:
        network = source.network
    for precision, place in ((FP32, CPU), (FP16, META)):
        for shape in shapes(network.stride):
            predicted = run(network, shape, precision).peak_allocated_nbytes
            figures = measured(path, shape, precision, place)
            yield row(path, shape, precision, tensors=place, predicted=predicted, measured=figures["live"])


def whole_jobs(count: int) -> Iterator[dict[str, Any]]:
    """The peak of resident memory of `halfpint export`, next to what it predicted; `off`: % of that."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_networks(folder)
        for row in measured_jobs(jobs(count), folder):
            yield {**row, "off": f"{100 * (row['measured'] / row['predicted'] - 1):+.1f} %"}


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


def on_gpu(weights: list[Path], device: str) -> Iterator[dict[str, Any]]:
    """What PyTorch allocates and reserves, and what NVML sees."""
    sampler = GpuSampler()
    seen = sampler.sample()
    sampler.close()
    gpu = next((gpu for gpu in seen.gpus if str(gpu.index) == device and not gpu.problem), None)
    if gpu is None:
        return
    overheads = overheads_of(gpu.name, seen.driver)

    def measure(path: Path, precision: Precision, shape: InputShape) -> dict[str, Any]:
        with WeightsSource(path) as source:
            predicted = run(source.network, shape, precision)
        need = gpu_need(predicted, overheads)
        figures = measured(path, shape, precision, device)
        return row(
            path,
            shape,
            precision,
            gpu=gpu.name,
            allocated_predicted=predicted.replayed.peak_allocated,
            allocated=figures["allocated"],
            reserved_predicted=predicted.peak_reserved_nbytes,
            reserved=figures["reserved"],
            least=int(need.low),
            most=int(need.high),
            nvml=figures["nvml"],
            source=overheads.source,
        )

    tried: list[tuple[Path, Precision, InputShape]] = []
    for path in weights:
        with WeightsSource(path) as source:
            stride = source.network.stride
        tried += [(path, precision, shape) for precision in FLOATS for shape in shapes(stride)]
    with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) // 2)) as pool:
        yield from pool.map(measure, *zip(*tried, strict=True))


def measured(path: Path, shape: InputShape, precision: Precision, place: str) -> dict[str, int]:
    """The figures of one forward pass in a process of its own."""
    command = [sys.executable, str(HERE / "memory_on.py"), place, str(path), str(precision), *map(str, shape.dims)]
    environment = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as NVML counts
    if place not in (CPU, META):
        environment["OMP_NUM_THREADS"] = "1"  # several run at once, and their work is the GPU's
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout)


def row(path: Path, shape: InputShape, precision: Precision, **figures: Any) -> dict[str, Any]:
    """A line of a table."""
    return {"weights": path.stem, "shape": str(shape), "precision": str(precision), **figures}


def show(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Print rows as a table, bytes in MiB, each as soon as it is there."""
    shown: list[dict[str, Any]] = []
    for found in rows:
        if not shown:
            print("\n" + "  ".join(found))
        cells = (f"{v / MIB:.1f}" if isinstance(v, int) else str(v) for v in found.values())
        print("  ".join(cells), flush=True)
        shown.append(found)
    return shown


if __name__ == "__main__":
    main()
