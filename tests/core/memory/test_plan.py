"""A forward pass is known to the byte before it runs: alloc by alloc and free by free, as torch does it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfpint.core.formats import Precision
from halfpint.core.memory.plan import forward
from halfpint.core.memory.run import run
from halfpint.core.network.network import Network
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import weights_nbytes
from halfpint.core.shapes import InputShape
from support.checkpoints import Checkpoint, network_of
from support.tracing import torch_allocations, without_data


@cache
def readings(weights: Path, precision: Precision) -> tuple[Network, TorchRunner]:
    """A network whose weights are not read, and its run reading without data."""
    with network_of(weights) as network:
        runner = without_data(network, half=precision is Precision.FP16)
    with network_of(weights) as network:
        return network, runner


@pytest.mark.parametrize("precision", Precision)
@settings(deadline=None, max_examples=3)
@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))
def test_every_allocation_and_every_free(
    checkpoint: Checkpoint, precision: Precision, batch: int, rows: int, columns: int
) -> None:
    network, runner = readings(checkpoint.path, precision)
    shape = InputShape(batch, network.channels, rows * network.stride, columns * network.stride)
    predicted = forward(network, shape, precision)
    measured = torch_allocations(runner, shape.dims)
    tensors = sorted(tensor.nbytes for tensor in (*runner.parameters(), *runner.buffers()))
    loaded, passed = predicted.steps[: len(tensors)], predicted.steps[len(tensors) :]
    assert sorted(nbytes for _, nbytes in loaded) == tensors
    assert [nbytes for _, nbytes in passed[: len(measured)]] == measured
    live = peak = sum(tensors)
    for nbytes in measured:
        live += nbytes
        peak = max(peak, live)
    assert predicted.weights_nbytes == sum(tensors)
    assert predicted.peak_nbytes == peak


def test_a_key_belongs_to_one_storage(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        shape = InputShape(2, network.channels, 2 * network.stride, 3 * network.stride)
        steps = forward(network, shape, Precision.FP16).steps
    born = {key: nbytes for key, nbytes in steps if nbytes > 0}
    freed = {key: -nbytes for key, nbytes in steps if nbytes < 0}
    assert len(steps) == len(born) + len(freed)
    assert freed.items() <= born.items()


def test_the_parts_add_up(tiny: Path) -> None:
    with network_of(tiny) as network:
        shape = InputShape(2, 3, 64, 96)
        full, half = (forward(network, shape, precision) for precision in Precision)
        io = forward(network, shape, Precision.FP16, half_io=True)
        assert weights_nbytes(network, 4) == full.weights_nbytes
    assert full.image_nbytes == half.image_nbytes == 2 * io.image_nbytes == 2 * 3 * 64 * 96 * 4
    assert full.peak_nbytes == full.weights_nbytes + full.image_nbytes + full.activations_nbytes
    assert io.peak_nbytes < half.peak_nbytes < full.peak_nbytes
    assert full.peak_layer.startswith("model.")


@pytest.mark.parametrize("precision", Precision)
def test_reserved_lies_above_what_is_alive(checkpoint: Checkpoint, precision: Precision) -> None:
    with network_of(checkpoint.path) as network:
        predicted = run(network, InputShape(1, 3, 4 * network.stride, 6 * network.stride), precision)
    assert predicted.peak_allocated_nbytes <= predicted.replayed.peak_allocated
    assert predicted.replayed.peak_allocated <= predicted.least_reserved_nbytes <= predicted.peak_reserved_nbytes
