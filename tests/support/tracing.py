"""Watch torch allocate: the order in which storages are born and die in a forward pass."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from halfpint.core.network.network import Network
from halfpint.core.network.ops import Dim
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import Meter


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


class LoggingMeter(Meter):
    """A weigher's meter that records the same."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Dim] = []

    def born(self, nbytes: Dim) -> int:
        self.log.append(nbytes)
        return super().born(nbytes)

    def died(self, nbytes: Dim, key: int) -> None:
        self.log.append(-nbytes)
        super().died(nbytes, key)


def without_data(network: Network, *, half: bool) -> TorchRunner:
    """The run reading on the meta device: shapes and no data."""
    runner = TorchRunner(network)
    return (runner.half() if half else runner).to("meta")


def torch_allocations(runner: TorchRunner, shape: tuple[int, ...]) -> list[int]:
    """The allocations of a forward pass on the meta device, in bytes; minus them where they are freed."""
    # Not in inference mode: there, torch hides the indices of a max pooling from the dispatcher.
    with torch.no_grad(), AllocationLog([*runner.parameters(), *runner.buffers()]) as watched:
        image = torch.empty(shape, device="meta")
        _outputs = runner(image)
        return watched.log
