"""A forward pass is known to the byte before it runs: alloc by alloc and free by free, as TorchScript does it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from halfpint.core.memory.forward import forward
from halfpint.core.memory.run import run
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP16, FP32, Precision
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.readings.weigher import weigh, weights_nbytes
from halfpint.core.shapes import InputShape
from halfpint.core.targets.provenance import Provenance
from halfpint.core.targets.torchscript.file import torchscript_bytes
from support.checkpoints import Checkpoint, network_of
from support.tracing import in_order, loaded_file, peak_of, strip_data, torch_allocations, without_data

PROVENANCE = Provenance("weights.pt", "0" * 64)
sides = st.integers(1, 12)


@cache
def readings(weights: Path, precision: Precision) -> tuple[Network, TorchRunner]:
    """A network whose weights are not read, and the module that is traced, without data."""
    with network_of(weights) as network:
        runner = without_data(network, precision)
    with network_of(weights) as network:
        return network, runner


@cache
def file_of(weights: Path, precision: Precision) -> tuple[Network, nn.Module]:
    """A network, and its TorchScript file as it loads; in FP16, which a CPU computes slowly, without data."""
    with network_of(weights) as network:
        shape = InputShape(1, network.channels, 2 * network.stride, 2 * network.stride)
        module = loaded_file(torchscript_bytes(network, precision, shape, PROVENANCE))
    return network, strip_data(module) if precision == FP16 else module


@pytest.mark.one_in(6)
@pytest.mark.parametrize("precision", FLOATS, ids=str)
@settings(deadline=None, max_examples=3)
@given(st.integers(1, 3), sides, sides)
def test_every_allocation_and_every_free_of_the_file(
    checkpoint: Checkpoint, precision: Precision, batch: int, rows: int, columns: int
) -> None:
    network, module = file_of(checkpoint.path, precision)
    shape = InputShape(batch, network.channels, rows * network.stride, columns * network.stride)
    predicted = forward(network, shape, precision)
    measured = torch_allocations(module, shape.dims)
    tensors = sorted(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
    loaded, passed = predicted.steps[: len(tensors)], predicted.steps[len(tensors) :]
    assert sorted(nbytes for _, nbytes in loaded) == tensors
    assert in_order(nbytes for _, nbytes in passed) == in_order(measured)
    assert predicted.weights_nbytes == sum(tensors)
    assert predicted.peak_nbytes == peak_of(measured, sum(tensors))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("precision", FLOATS, ids=str)
@settings(deadline=None, max_examples=3)
@given(st.integers(1, 3), sides, sides)
def test_every_allocation_and_every_free_of_the_module_that_is_traced(
    checkpoint: Checkpoint, precision: Precision, batch: int, rows: int, columns: int
) -> None:
    network, runner = readings(checkpoint.path, precision)
    shape = (batch, network.channels, rows * network.stride, columns * network.stride)
    weighed = weigh(network, shape, precision)
    measured = torch_allocations(runner, shape)
    assert [nbytes for _, nbytes in weighed.module.steps][: len(measured)] == measured
    assert weighed.module.peak_nbytes == peak_of(measured, weighed.weights_nbytes)


@pytest.mark.parametrize("size", [(1, 640, 640), (1, 1536, 320), (4, 320, 320)])
def test_a_file_of_full_size_as_it_is_run_by_default(sample_n: Path, size: tuple[int, int, int]) -> None:
    """The interpreter profiles a first run, and optimizes the second: the tensors are the same."""
    network, module = file_of(sample_n, FP32)
    shape = InputShape(size[0], network.channels, *size[1:])
    predicted = forward(network, shape, FP32)
    for _ in range(3):
        assert peak_of(torch_allocations(module, shape.dims), predicted.weights_nbytes) == predicted.peak_nbytes


def test_a_key_belongs_to_one_storage(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        shape = InputShape(2, network.channels, 2 * network.stride, 3 * network.stride)
        steps = forward(network, shape, FP16).steps
    born = {key: nbytes for key, nbytes in steps if nbytes > 0}
    freed = {key: -nbytes for key, nbytes in steps if nbytes < 0}
    assert len(steps) == len(born) + len(freed)
    assert freed.items() <= born.items()


def test_the_parts_add_up(tiny: Path) -> None:
    with network_of(tiny) as network:
        shape = InputShape(2, 3, 64, 96)
        full, half = (forward(network, shape, precision) for precision in FLOATS)
        io = forward(network, shape, FP16, FP16.io)
        assert weights_nbytes(network, 4) == full.weights_nbytes
    assert full.image_nbytes == half.image_nbytes == 2 * io.image_nbytes == 2 * 3 * 64 * 96 * 4
    assert full.peak_nbytes == full.weights_nbytes + full.image_nbytes + full.activations_nbytes
    assert io.peak_nbytes < half.peak_nbytes < full.peak_nbytes
    assert full.peak_layer.startswith("model.")


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_reserved_lies_above_what_is_alive(checkpoint: Checkpoint, precision: Precision) -> None:
    with network_of(checkpoint.path) as network:
        predicted = run(network, InputShape(1, 3, 4 * network.stride, 6 * network.stride), precision)
    assert predicted.peak_allocated_nbytes <= predicted.replayed.peak_allocated
    assert predicted.replayed.peak_allocated <= predicted.peak_reserved_nbytes
