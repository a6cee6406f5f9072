"""One forward pass of a TorchScript file in this process, and what it took.

`memory_on.py cpu|meta|N W fp32|fp16 B C H W` writes one line of JSON, in bytes: `live`
(the peak of living tensors, with weights and input) on `cpu` and `meta`; `allocated`, `reserved` and `nvml` on GPU N.
"""

from __future__ import annotations

import io
import json
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from halfpint.core.devices import Gpu, GpuSampler
from halfpint.core.precisions import named
from halfpint.core.shapes import InputShape
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from halfpint.core.weights_source import WeightsSource


class Living(TorchDispatchMode):
    """Adds up the storages that live, from those that are known on."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()
        self._known = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = self.peak = sum(tensor.untyped_storage().nbytes() for tensor in known)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage()._cdata not in self._known:
                self._born(leaf.untyped_storage())
        return result

    def _born(self, storage: torch.UntypedStorage) -> None:
        key, nbytes = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += nbytes
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._died, key, nbytes)

    def _died(self, key: int, nbytes: int) -> None:
        self._known.discard(key)
        self.live -= nbytes


def main() -> None:
    """Measure what the arguments say."""
    place, weights, precision, *dims = sys.argv[1:8]
    shape = tuple(map(int, dims[:4]))
    with WeightsSource(Path(weights)) as source:
        for _ in source.load():
            pass
    file = torchscript_bytes(source.network, named(precision), InputShape(*shape), Provenance("", ""))
    figures = on_cpu(file, shape, place) if place in ("cpu", "meta") else on_gpu(file, shape, int(place))
    sys.stdout.write(json.dumps(figures) + "\n")


def on_cpu(file: bytes, shape: tuple[int, ...], device: str) -> dict[str, int]:
    """The peak of living bytes."""
    module = torch.jit.load(io.BytesIO(file), map_location="cpu")
    if device == "meta":
        strip_data(module)
    tensors = [*module.parameters(), *module.buffers()]
    with torch.no_grad(), Living(tensors) as living:
        image = torch.zeros(shape, device=device)
        _outputs = module(image)
        return {"live": living.peak}


def strip_data(module: Any) -> None:
    """Shapes instead of data: a loaded file cannot be moved to the meta device as other modules are."""
    for part in module.modules():
        for name, tensor in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            part._c.setattr(name, torch.empty_like(tensor, device="meta"))


def on_gpu(file: bytes, shape: tuple[int, ...], index: int) -> dict[str, int]:
    """What torch allocated and reserved at most, and what NVML counts for this process afterwards."""
    before = used(index)
    module = torch.jit.load(io.BytesIO(file), map_location=f"cuda:{index}")
    # As a job tries it.
    with torch.no_grad(), torch.jit.optimized_execution(False):  # pyright: ignore[reportPrivateImportUsage]
        image = torch.zeros(shape, device=f"cuda:{index}")
        _outputs = module(image)
        torch.cuda.synchronize(index)
    return {
        "allocated": torch.cuda.max_memory_allocated(index),
        "reserved": torch.cuda.max_memory_reserved(index),
        "nvml": used_here(index, before),
    }


def used(index: int) -> int:
    """Bytes in use on a GPU, by whomever."""
    return _gpu(index).used


def used_here(index: int, before: int) -> int:
    """Bytes that this process uses, by NVML's list; where it is not on it, what came on top of `before`."""
    gpu = _gpu(index)
    own = next((process.nbytes for process in gpu.processes if process.pid == os.getpid() and process.nbytes), None)
    return gpu.used - before if own is None else own


def _gpu(index: int) -> Gpu:
    sampler = GpuSampler()
    try:
        return next(gpu for gpu in sampler.sample().gpus if gpu.index == index)
    finally:
        sampler.close()


if __name__ == "__main__":
    main()
