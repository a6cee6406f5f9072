"""What a TorchScript file needs on a GPU, under PyTorch: tensors, the allocator's cut, workspaces, the context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..network.network import Network
from ..network.ops import Dim
from ..precisions import Precision
from ..precisions.dtype import FLOAT32, DType
from ..shapes import InputShape
from .allocator import Replayed, replay, smallest_limit
from .forward import Forward, forward, in_turn
from .need import Need, Term, exact
from .overheads import Overheads

_MIB = 2**20
# What the allocator reserves beyond what is alive, at most: 64 % and 40 MiB over eight networks, both precisions
# and nine shapes from 64² to a batch of four at 1536².
_FRAGMENTS_SHARE, _FRAGMENTS = (65, 100), 40 * _MIB


@dataclass(frozen=True)
class Run:
    """A forward pass of a TorchScript file as PyTorch runs it, in bytes. Weights and input are counted.

    `peak_reserved_nbytes`: what the caching allocator holds at most. `least_reserved_nbytes`: the smallest limit
    that it can do with, when it has to free what it caches.
    """

    forward: Forward
    replayed: Replayed
    least_reserved_nbytes: int

    @property
    def peak_allocated_nbytes(self) -> int:
        return self.forward.peak_nbytes

    @property
    def peak_reserved_nbytes(self) -> int:
        return self.replayed.peak_reserved

    @property
    def peak_layer(self) -> str:
        return self.forward.peak_layer


def run(network: Network, shape: InputShape, precision: Precision, io: DType = FLOAT32) -> Run:
    """Weigh a forward pass and replay its allocations. Raises `ShapeMismatch`."""
    passed = forward(network, shape, precision, io)
    replayed = replay(passed.steps)
    return Run(passed, replayed, smallest_limit(passed.steps, replayed))


def gpu_need(run: Run, overheads: Overheads, others: Iterable[Run] = ()) -> Need:
    """What a run needs of a GPU, term by term. `others`: smaller ones of the same process, each over before the next.

    PyTorch may keep what it has reserved for them.
    """
    passed = run.forward
    before = tuple(other.forward for other in others)
    reserved = max(run.peak_reserved_nbytes, replay(in_turn((*before, passed))).peak_reserved if before else 0)
    return Need(
        (
            exact("weights", passed.weights_nbytes),
            exact("input", passed.image_nbytes),
            exact("activations at the peak", passed.activations_nbytes, f"in {passed.peak_layer}"),
            Term(
                "allocator's rounding and fragments",
                run.least_reserved_nbytes - passed.peak_nbytes,
                reserved - passed.peak_nbytes,
                "replay of PyTorch's caching allocator",
            ),
            *_overhead_terms(passed.activations_nbytes, overheads),
        )
    )


def many_gpu_needs(peaks: Dim, weights_nbytes: int, overheads: Overheads) -> Need:
    """The same for many sizes at once, from their peaks (weights and input counted) alone: a little wider."""
    share, whole = _FRAGMENTS_SHARE
    return Need(
        (
            exact("weights, input and activations", peaks),
            Term("allocator's rounding and fragments", 0, peaks * share // whole + _FRAGMENTS, "measured bound"),
            *_overhead_terms(peaks - weights_nbytes, overheads),
        )
    )


def _overhead_terms(activations: Dim, overheads: Overheads) -> tuple[Term, ...]:
    workspace = overheads.workspace.high + activations * round(overheads.workspace_share * 1000) // 1000
    return (
        Term("workspace", overheads.workspace.low, workspace, overheads.source),
        Term("CUDA context", overheads.context.low, overheads.context.high, overheads.source),
    )
