"""What CUDA takes beside the tensors: its context and its libraries' workspaces, measured or as documented."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ..errors import HalfpintError
from ..publication.draft import Draft
from ..state import private_folder, state_folder

MIB = 2**20


class Range(NamedTuple):
    """From the least to the most, in bytes."""

    low: int
    high: int


@dataclass(frozen=True)
class Overheads:
    """`context`: of a process that uses CUDA. `workspace`: of cuBLAS and cuDNN, through torch's allocator.

    `source`: measured, or documented.
    """

    context: Range
    workspace: Range
    source: str
    measured: bool = False


# Context: reported are 256 MiB (RTX 3090, CUDA 12.8) to 650 MiB, by card, driver and CUDA. Workspace: torch gives
# cuBLAS 8,519,680 bytes, 32 MiB on Hopper (aten/src/ATen/cuda/CUDABlas.cpp); cuDNN's has no documented bound: FP32
# passes on an H200 made torch reserve up to 178 MiB more than their tensors do (benchmarks/results/memory-gpu.json).
DOCUMENTED = Overheads(
    context=Range(250 * MIB, 650 * MIB),
    workspace=Range(0, 192 * MIB),
    source="documented range; halfpint measure-gpu measures this GPU",
)


@dataclass(frozen=True)
class MeasuredGpu:
    """What was measured on one GPU with one driver and one torch, in bytes.

    `context_nbytes`: the context. `workspace_nbytes`: what libraries took at most through torch's allocator.
    """

    gpu: str
    driver: str
    torch: str
    context_nbytes: int
    workspace_nbytes: int

    def overheads(self) -> Overheads:
        """As measured."""
        return Overheads(
            context=Range(self.context_nbytes, self.context_nbytes),
            workspace=Range(0, self.workspace_nbytes),
            source=f"measured with driver {self.driver} and torch {self.torch}",
            measured=True,
        )


def overheads_of(gpu: str, driver: str) -> Overheads:
    """The overheads of a GPU by name: as measured with this driver and the installed torch, else as documented."""
    torch = installed_torch()
    for measured in measured_gpus():
        if (measured.gpu, measured.driver, measured.torch) == (gpu, driver, torch):
            return measured.overheads()
    return DOCUMENTED


def measured_gpus() -> list[MeasuredGpu]:
    """All that were kept. What cannot be read is not there."""
    try:
        return [MeasuredGpu(**entry) for entry in json.loads(_file().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def keep(measured: MeasuredGpu) -> Path | None:
    """Keep a measurement in place of an earlier one of the same GPU, driver and torch. The file, or None if it
    cannot be written.
    """
    same = (measured.gpu, measured.driver, measured.torch)
    others = [old for old in measured_gpus() if (old.gpu, old.driver, old.torch) != same]
    text = json.dumps([asdict(entry) for entry in (*others, measured)], indent=2)
    try:
        private_folder(state_folder())
        with Draft(_file(), 0o600) as draft:
            draft.write(text.encode())
            draft.publish(overwrite=True)
    except (HalfpintError, OSError):
        return None
    return _file()


def installed_torch() -> str:
    """The version of torch, without importing it; empty if there is none."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def _file() -> Path:
    return state_folder() / "gpus.json"
