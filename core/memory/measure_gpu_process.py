"""`python -P -m ….measure_gpu_process N`: measure GPU N with torch, and write the figures as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pynvml
import torch

from ..network.network import Network
from ..precisions import FLOATS
from ..samples.make import write_dbnet, write_yolov5
from ..scratch import scratch
from ..shapes import InputShape
from ..targets.provenance import Provenance
from ..targets.torchscript.file import torchscript_bytes
from ..targets.torchscript.loaded import LoadedTorchScript
from ..weights_source import WeightsSource
from .run import run

_SHAPES = (InputShape(1, 3, 320, 320), InputShape(1, 3, 640, 640), InputShape(1, 3, 1536, 320))
_SAMPLES: tuple[Callable[[Path], object], ...] = (write_yolov5, write_dbnet)


def main() -> None:
    """Measure, and write one line of JSON to standard output."""
    index = int(sys.argv[1])
    if not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} finds no CUDA device: it may be a build for the CPU")
    pynvml.nvmlInit()
    context = _context(index)
    workspace = max(_workspace(index, network) for network in _networks())
    sys.stdout.write(json.dumps({"context_nbytes": context, "workspace_nbytes": workspace}) + "\n")


def _networks() -> Iterator[Network]:
    with scratch() as folder:
        for number, write in enumerate(_SAMPLES):
            path = folder / f"sample{number}.pt"
            write(path)
            with WeightsSource(path) as source:
                for _ in source.load():
                    pass
                yield source.network


def _context(index: int) -> int:
    """What the driver holds for this process beside torch's tensors, once kernels and libraries are loaded."""
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    before = int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    with torch.inference_mode():
        x = torch.randn(1, 16, 64, 64, device=f"cuda:{index}")
        y = torch.nn.functional.conv2d(x, torch.randn(16, 16, 3, 3, device=x.device), padding=1)
        _product = y.flatten(2) @ y.flatten(2).transpose(1, 2)
        torch.cuda.synchronize(index)
    used = _used_by_this_process(handle)
    if used is None:  # in a container, or under Windows: then all that appeared meanwhile is counted
        used = int(pynvml.nvmlDeviceGetMemoryInfo(handle).used) - before
    return max(0, used - torch.cuda.memory_reserved(index))


def _used_by_this_process(handle: Any) -> int | None:
    for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
        if process.pid == os.getpid() and process.usedGpuMemory:
            return int(process.usedGpuMemory)
    return None


def _workspace(index: int, network: Network) -> int:
    """What torch reserved for the libraries, beyond what was predicted, at most over some forward passes."""
    most = 0
    for precision in FLOATS:
        data = torchscript_bytes(network, precision, _SHAPES[0], Provenance("sample.pt", ""))
        for shape in _SHAPES:
            loaded = LoadedTorchScript(data, str(index))
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(index)
            loaded.run(np.zeros(shape.dims, np.float32))
            predicted = run(network, shape, precision).peak_reserved_nbytes
            most = max(most, torch.cuda.max_memory_reserved(index) - predicted)
            loaded.close()
    return most


if __name__ == "__main__":
    main()
