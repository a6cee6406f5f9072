"""Whole jobs over family, size, format, precision, dynamic axes and way to verify, on two processors' instruction sets.

The peak of resident memory of each is what `halfpint export --json` tells itself.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision, named
from halfpint.core.samples.make import write_yolov5
from halfpint.core.samples.yolov5 import SampleSpec
from halfpint.core.spec import ExportSpec
from halfpint.core.targets import named as target_named
from halfpint.core.targets.target import Target
from support import dbnet

T = TypeVar("T")
HALFPINT = str(Path(sys.executable).parent / "halfpint")
FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "yolov5"

# Networks: the billions of multiplications of one image at 640×640, and the stride.
NETWORKS = {
    "yolov5n": (2, 32),
    "yolov5s": (8, 32),
    "yolov5l": (55, 32),
    "master-n": (0.2, 32),
    "master-n-seg": (0.3, 32),
    "master-n6": (0.3, 64),
    "dbnet-resnet18": (22, 32),
    "dbnet-resnet50_vlpt": (50, 32),
    "dbnet-proxylessnas": (7, 32),
}
SIZES = ((64, 64, 1), (320, 320, 1), (640, 640, 1), (800, 800, 1), (1536, 320, 1), (320, 320, 4), (640, 640, 4))
ONNX, TORCHSCRIPT = target_named("onnx"), target_named("torchscript")
BOTH = (ONNX, TORCHSCRIPT)
TARGETS = ((ONNX,), (TORCHSCRIPT,), BOTH)
SETS = ((FP32,), (FP16,), FLOATS)
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}
SETTINGS = {
    "own, 2 threads": ({}, 2),
    "AVX2, 1 thread": (AVX2, 1),
    "own, 1 thread": ({}, 1),
    "AVX2, 2 threads": (AVX2, 2),
}
# Jobs that would take minutes are left out: so many billions of multiplications, and of them in FP16 by torch, which
# is 40 times slower on a CPU.
_MOST, _MOST_SLOW = 60, 4


@dataclass(frozen=True)
class Job:
    """One job of the matrix. `size`: height and width in px. `setting`: of `SETTINGS`."""

    network: str
    size: tuple[int, int]
    batch: int
    targets: tuple[Target, ...]
    precisions: tuple[Precision, ...]
    dynamic: bool
    verify: VerifyMode
    setting: str

    def spec(self, folder: Path) -> ExportSpec:
        """What it asks for. `folder`: of the weights."""
        return ExportSpec.of(
            weights=folder / f"{self.network}.pt",
            out=folder,
            height=self.size[0],
            width=self.size[1],
            batch=self.batch,
            targets=self.targets,
            precisions=self.precisions,
            dynamic=self.dynamic,
            verify=self.verify,
        )

    def row(self) -> dict[str, Any]:
        """For JSON and tables."""
        return {
            "weights": self.network,
            "size": "×".join(map(str, (self.batch, *self.size))),
            "targets": "+".join(map(str, self.targets)),
            "precisions": "+".join(map(str, self.precisions)),
            "dynamic": self.dynamic,
            "verify": str(self.verify),
            "setting": self.setting,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Job:
        """The inverse of `row`."""
        batch, height, width = map(int, row["size"].split("×"))
        targets = tuple(map(target_named, row["targets"].split("+")))
        precisions = tuple(map(named, row["precisions"].split("+")))
        verify = VerifyMode(row["verify"])
        return cls(row["weights"], (height, width), batch, targets, precisions, row["dynamic"], verify, row["setting"])


def jobs(count: int, seed: int = 0) -> list[Job]:
    """So many different jobs of the matrix, each value of each dimension about as often as the others."""
    shuffle = random.Random(seed)
    networks, sizes = _deck(tuple(NETWORKS), shuffle), _deck(SIZES, shuffle)
    formats, precisions = _deck(TARGETS, shuffle), _deck(SETS, shuffle)
    dynamic, verify = _deck((False, True), shuffle), _deck(tuple(VerifyMode), shuffle)
    settings = _deck(tuple(SETTINGS), shuffle)
    found: dict[Job, None] = {}
    while len(found) < count:
        network, (height, width, batch) = next(networks), next(sizes)
        work, stride = NETWORKS[network]
        size = (-(-height // stride) * stride, -(-width // stride) * stride)
        recipe = (next(formats), next(precisions), next(dynamic), next(verify), next(settings))
        job = Job(network, size, batch, *recipe)
        work = work * batch * size[0] * size[1] / 640**2
        slow = TORCHSCRIPT in job.targets and FP16 in job.precisions and job.verify is VerifyMode.QUICK
        if work <= (_MOST_SLOW if slow else _MOST):
            found[job] = None
    return list(found)


def _deck(values: Sequence[T], shuffle: random.Random) -> Iterator[T]:
    """The values in random order, all of them before one comes again."""
    while True:
        yield from shuffle.sample(values, len(values))


def write_networks(folder: Path) -> None:
    """The weights of `NETWORKS`: untrained, in the layouts and sizes of the public ones; `master-…` are tiny."""
    for name, depth, width in (("yolov5n", 0.33, 0.25), ("yolov5s", 0.33, 0.5), ("yolov5l", 1.0, 1.0)):
        write_yolov5(folder / f"{name}.pt", SampleSpec(depth=depth, width=width))
    for variant in dbnet.VARIANTS:
        (folder / f"dbnet-{variant}.pt").write_bytes(dbnet.checkpoint(variant).read_bytes())
    for name in NETWORKS:
        if not (folder / f"{name}.pt").exists():
            (folder / f"{name}.pt").write_bytes((FIXTURES / f"{name}.pt").read_bytes())


def measured(work: Sequence[Job], folder: Path, at_a_time: int = 2) -> Iterator[dict[str, Any]]:
    """Do the jobs: their rows, with what was predicted and measured, in bytes."""
    with ThreadPoolExecutor(at_a_time) as pool:
        yield from pool.map(lambda job: _measured(job, folder), work)


def _measured(job: Job, folder: Path) -> dict[str, Any]:
    extra, threads = SETTINGS[job.setting]
    command = [HALFPINT, "export", "--weights", str(folder / f"{job.network}.pt"), "--json", "--force"]
    command += ["--imgsz", str(job.size[0]), str(job.size[1]), "--batch-size", str(job.batch)]
    command += [
        "--include",
        *map(str, job.targets),
        "--precision",
        *map(str, job.precisions),
        "--verify",
        str(job.verify),
    ]
    command += ["--dynamic"] if job.dynamic else []
    environment = {**os.environ, **extra}
    if threads == 1:
        environment["OMP_NUM_THREADS"] = "1"
        if sys.platform == "linux":
            command = ["taskset", "--cpu-list", str(random.choice(sorted(os.sched_getaffinity(0)))), *command]
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([*command, "--out", out], capture_output=True, text=True, env=environment, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    predicted = next((event for event in events if event["event"] == "memory-predicted"), None)
    if predicted is None or not any(event.get("stage") == "verify" for event in events):
        raise RuntimeError(f"{job}: {done.stdout[-500:]}{done.stderr[-500:]}")
    low, high = predicted["host_low"], predicted["host_high"]
    peak = max(event["host"] for event in events if event["event"] == "memory-measured")
    return {**job.row(), "predicted": (low + high) // 2, "low": low, "high": high, "measured": peak}
