"""What a TorchScript file needs on a GPU, under PyTorch: tensors, the allocator's cut, workspaces, the context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..network.network import Network
from ..network.ops import Dim
from ..precisions import Precision
from ..precisions.dtype import FLOAT32, DType
from ..shapes import InputShape
from .allocator import Replayed, replay
from .forward import Forward, forward, in_turn
from .need import Need, Term, exact
from .overheads import Overheads

_MIB = 2**20
# What the allocator reserves beyond what is alive, at most: 64 % and 40 MiB over eight networks, both precisions
# and nine shapes from 64² to a batch of four at 1536².
_FRAGMENTS_SHARE, _FRAGMENTS = (65, 100), 40 * _MIB
# cuDNN copies an FP16 layer's tensors to channels last where its kernel wants them so. With its scraps, this made the
# allocator reserve up to 74 % of the activations more, over 30 passes on an H200 (benchmarks/results/memory-gpu.json).
_WORKSPACE_SHARE = (75, 100)


@dataclass(frozen=True)
class Run:
    """A forward pass of a TorchScript file as PyTorch runs it, in bytes. Weights and input are counted.

    `peak_reserved_nbytes`: what the caching allocator holds at most; when memory is short, it gives back what it only
    caches, down to what is allocated.
    """

    forward: Forward
    replayed: Replayed

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
    return Run(passed, replay(passed.steps))


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
                0,
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
    share, whole = _WORKSPACE_SHARE
    workspace = overheads.workspace.high + activations * share // whole
    return (
        Term("workspace", overheads.workspace.low, workspace, overheads.source),
        Term("CUDA context", overheads.context.low, overheads.context.high, overheads.source),
    )
