"""`python -P -m ….measure_gpu_process N`: measure GPU N with torch, and write the figures as JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
import psutil
import pynvml
import torch

from ..network.network import Network
from ..precisions import REFERENCE
from ..samples.make import write_yolov5
from ..scratch import scratch
from ..shapes import InputShape
from ..targets.provenance import Provenance
from ..targets.torchscript.file import torchscript_bytes
from ..targets.torchscript.loaded import LoadedTorchScript
from ..weights_source import WeightsSource
from .run import run

_SHAPES = (InputShape(1, 3, 640, 640), InputShape(1, 3, 1536, 320))


def main() -> None:
    """Measure, and write one line of JSON to standard output."""
    index = int(sys.argv[1])
    if not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} finds no CUDA device: it may be a build for the CPU")
    pynvml.nvmlInit()
    network = _network()
    before = psutil.Process().memory_info().rss
    context = _context(index)
    host = psutil.Process().memory_info().rss - before
    figures = {"context_nbytes": context, "host_nbytes": host, **_workspace(index, network)}
    sys.stdout.write(json.dumps(figures) + "\n")


def _network() -> Network:
    with scratch() as folder:
        path = folder / "sample.pt"
        write_yolov5(path)
        with WeightsSource(path) as source:
            for _ in source.load():
                pass
            return source.network


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


def _workspace(index: int, network: Network) -> dict[str, int]:
    """What the libraries took through the allocator beyond the prediction: the largest of some forward passes."""
    data = torchscript_bytes(network, REFERENCE, _SHAPES[0], Provenance("sample.pt", ""))
    loaded = LoadedTorchScript(data, str(index))
    found = {"workspace_nbytes": 0, "activations_nbytes": 1}
    for shape in _SHAPES:
        predicted = run(network, shape, REFERENCE)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(index)
        loaded.run(np.zeros(shape.dims, np.float32))
        beyond = torch.cuda.max_memory_allocated(index) - predicted.replayed.peak_allocated
        if beyond > found["workspace_nbytes"]:
            found = {"workspace_nbytes": beyond, "activations_nbytes": predicted.forward.activations_nbytes}
    return found


if __name__ == "__main__":
    main()
