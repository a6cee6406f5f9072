"""Watch torch allocate: the order in which storages are born and die in a forward pass."""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from halfpint.core.network.network import Network
from halfpint.core.network.ops import Dim
from halfpint.core.precisions import Precision
from halfpint.core.readings.torch_runner import TorchRunner, torch_dtype


class AllocationLog(TorchDispatchMode):
    """Records the bytes of each new storage, and minus those bytes when it goes."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.steps: list[tuple[int, int]] = []  # the same, each with the storage's number
        self._known = {tensor.untyped_storage()._cdata for tensor in known}
        self._births = 0

    @property
    def log(self) -> list[int]:
        return [nbytes for _, nbytes in self.steps]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, nbytes = storage._cdata, storage.nbytes()
        if key not in self._known:
            self._known.add(key)
            self._births += 1
            self.steps.append((self._births, nbytes))
            weakref.finalize(storage, self._forget, key, self._births, nbytes)

    def _forget(self, key: int, number: int, nbytes: int) -> None:
        self._known.discard(key)
        self.steps.append((number, -nbytes))


def without_data(network: Network, precision: Precision) -> TorchRunner:
    """The run reading on the meta device: shapes and no data."""
    return TorchRunner(network).to(torch_dtype(precision.weights)).to("meta")


def loaded_file(data: bytes) -> nn.Module:
    """A TorchScript file, loaded on the CPU as anybody would."""
    return torch.jit.load(io.BytesIO(data), map_location="cpu")


def strip_data(module: nn.Module) -> nn.Module:
    """A loaded TorchScript file, moved to the meta device: shapes and no data, so that FP16 costs no time."""
    part: Any
    for part in module.modules():
        for name, tensor in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            part._c.setattr(name, torch.empty_like(tensor, device="meta"))  # `to` refuses to
    return module


def torch_allocations(module: nn.Module, shape: tuple[int, ...]) -> list[int]:
    """The allocations of a forward pass, in bytes; minus them where they are freed. It runs where the weights are."""
    tensors = [*module.parameters(), *module.buffers()]
    # Not in inference mode: there, torch hides the indices of a max pooling from the dispatcher.
    with torch.no_grad(), AllocationLog(tensors) as watched:
        image = torch.zeros(shape, device=tensors[0].device)
        _outputs = module(image)
        return watched.log


def in_order(log: Iterable[Dim]) -> list[tuple[int, list[int]]]:
    """Each allocation, and what was freed since the one before: in which order, nobody can tell apart."""
    found: list[tuple[int, list[int]]] = []
    freed: list[int] = []
    for nbytes in map(int, log):
        if nbytes < 0:
            freed.append(nbytes)
        else:
            found.append((nbytes, sorted(freed)))
            freed = []
    return found


def peak_of(log: Iterable[int], live: int) -> int:
    """The most that is alive, if `live` bytes are from the start."""
    return max(accumulate(log, initial=live))
