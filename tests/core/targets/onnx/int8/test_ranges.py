"""Ranges from a stream of images: counted without keeping a tensor, and chosen in several ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core.errors import JobFailed
from halfpint.core.images.synthetic import structured_image
from halfpint.core.targets.onnx.int8.gather import gather
from halfpint.core.targets.onnx.int8.histogram import histogram_of, together
from halfpint.core.targets.onnx.int8.layers import layers_of
from halfpint.core.targets.onnx.int8.ranges import METHODS, Range, candidates, least_error
from halfpint.core.targets.onnx.int8.scheme import Machine, Scheme, scheme_for
from halfpint.core.targets.onnx.int8.sensitivity import tensors_of
from support.checkpoints import network_of
from support.onnx import answer, written

CPU = scheme_for(Machine.CPU, frozenset(["avx512_vnni"]))
SCHEMES = [CPU, *(scheme_for(machine, None) for machine in Machine)]


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=6), st.integers(0, 99))
def test_counting_image_by_image_is_counting_all(spreads: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = [random.normal(spread / 3, spread, 500).astype(np.float32) for spread in spreads]
    found = histogram_of(parts[0])
    for part in parts[1:]:
        found = together(found, histogram_of(part))
    every = np.concatenate(parts)
    assert found.counts.sum() == len(every)
    assert (found.low, found.high) == (every.min(), every.max())
    for share in (0.1, 0.5, 0.99):
        assert (every <= found.percentile(share)).mean() >= share
        assert (every < found.percentile(share) - 2 * found.width).mean() <= share


def test_values_that_are_not_finite_have_no_histogram() -> None:
    with pytest.raises(ValueError, match="NaN"):
        histogram_of(np.array([1.0, np.inf], np.float32))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: f"{scheme.machine} {scheme.weight}")
@pytest.mark.parametrize("range", [Range(-3, 5), Range(0, 6), Range(2, 9), Range(-4, -1), Range(0, 0)], ids=str)
def test_a_range_holds_zero_exactly_and_its_values_to_half_a_step(range: Range, scheme: Scheme) -> None:
    step, zero = range.grid(scheme)
    assert scheme.lowest <= zero <= scheme.highest
    assert range.rounded(np.zeros(1), scheme)[0] == 0
    values = np.linspace(min(range.low, 0), max(range.high, 0), 999)
    # Rounding the number that stands for 0 may push one end of the range out by half a step.
    assert np.abs(range.rounded(values, scheme) - values).max() <= step * (1 + 1e-5)


def test_a_long_tail_is_cut_where_that_costs_least() -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[0] = 60  # an outlier, as SiLU leaves them
    found = histogram_of(values.astype(np.float32))
    ways = candidates(found, CPU)
    assert tuple(ways) == METHODS
    errors = {name: float(((way.rounded(values, CPU) - values) ** 2).mean()) for name, way in ways.items()}
    assert errors["least error"] == min(errors.values())
    assert ways["min-max"].high == 60
    assert least_error(found, CPU).high < 60


def test_what_a_silu_ignores_need_not_be_held() -> None:
    found = histogram_of(np.linspace(-30, 5, 9999, dtype=np.float32))
    assert least_error(found, CPU, "silu").low > -15 > least_error(found, CPU).low


def test_gathered_in_parts_or_at_once_it_is_the_same(tiny: Path) -> None:
    with network_of(tiny) as network:
        model = written(network)
    tensors = tensors_of(layers_of(model))
    images = [structured_image(3, 64, 96, seed) for seed in range(3)]
    once, parts = (gather(model, tensors, lambda: iter(images), at_once) for at_once in (2**30, 2**16))
    assert once.images == parts.images == 3
    assert once.sizes == parts.sizes
    for name in tensors:
        assert np.array_equal(once.histograms[name].counts, parts.histograms[name].counts)
    shown = type(model)()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    shown.graph.output.add(name=tensors[1])
    values = np.concatenate([answer(shown, image)[0].ravel() for image in images])
    assert once.histograms[tensors[1]].counts.sum() == len(values)
    assert once.histograms[tensors[1]].high == pytest.approx(values.max(), rel=1e-5)


def test_an_image_that_makes_no_number_is_told(tiny: Path) -> None:
    with network_of(tiny) as network:
        model = written(network)
    broken = np.full((1, 3, 64, 64), np.nan, np.float32)
    with pytest.raises(JobFailed, match="NaN or infinite on one of the images"):
        gather(model, tensors_of(layers_of(model)), lambda: iter([broken]))
