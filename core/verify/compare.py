"""Differences between answers, component by component, and what they mean next to the rounding noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.network import Component, Network
from .evidence import Verdict
from .report import LEAST_NOISE, Difference, Distance

Array = NDArray[Any]

# A correct file differs from the reference by about its rounding noise, whose size was measured on other
# images: 4 times that is still noise, 40 times is not.
PASS_FACTOR, WARN_FACTOR = 4.0, 40.0
# What a person can still use, as parts of an answer's spread; no matter of how a processor rounds. Where FP16 moves the
# answer by more than the first, it is the wrong choice; an answer that is off by more than the second is wrong. (That
# to another image is off by about 1.)
MOST_ROUNDING, WRONG = 0.1, 0.25


def distance(actual: Array, expected: Array) -> Distance:
    """How far an answer is from the one expected; infinitely, if it is not finite."""
    difference = np.subtract(actual, expected, dtype=np.float64).ravel()
    error = float(np.sqrt(difference @ difference / max(difference.size, 1)))
    if not np.isfinite(error):
        return Distance(float("inf"), float("inf"))
    largest = max(float(difference.max(initial=0)), -float(difference.min(initial=0)))
    spread = float(np.std(expected, dtype=np.float64))
    return Distance(error / spread if spread else (0.0 if error == 0 else float("inf")), largest)


def distances(network: Network, actual: Sequence[Array], expected: Sequence[Array]) -> Mapping[str, Distance]:
    """`distance` of every component."""
    return {c.name: distance(_part(c, actual), _part(c, expected)) for c in network.components}


def _part(component: Component, outputs: Sequence[Array]) -> Array:
    output = outputs[component.output]
    which = [slice(None)] * output.ndim
    which[component.axis] = slice(component.start, component.stop)
    return output[tuple(which)]


def differences(
    network: Network,
    actual: Sequence[Array],
    expected: Sequence[Array],
    noise: Mapping[str, Distance] | None,
    shape: tuple[int, ...],
    seed: int,
) -> tuple[Difference, ...]:
    """Every component's difference for one image, judged by its rounding noise, or by its spread if noise is None."""
    measured = distances(network, actual, expected)
    return tuple(
        Difference(
            component=component.name,
            unit=component.unit,
            shape=shape,
            seed=seed,
            measured=measured[component.name],
            noise=None if noise is None else noise[component.name],
            verdict=_verdict(measured[component.name], None if noise is None else noise[component.name]),
        )
        for component in network.components
    )


def _verdict(measured: Distance, noise: Distance | None) -> Verdict:
    return by_spread(measured.nrmse) if noise is None else judged(measured.nrmse, noise.nrmse)


def judged(error: float, noise: float) -> Verdict:
    """The verdict on an NRMSE: `by_noise`, with FAIL in place of WARN for an answer off by a quarter of its spread."""
    verdict = by_noise(error, noise)
    return Verdict.FAIL if verdict is Verdict.WARN and error > WRONG else verdict


def by_noise(error: float, noise: float) -> Verdict:
    """PASS within 4 times the rounding noise, WARN within 40 times, FAIL beyond, and for what is no number."""
    noise = max(noise, LEAST_NOISE)
    if not np.isfinite(noise) or not error <= WARN_FACTOR * noise:
        return Verdict.FAIL
    return Verdict.PASS if error <= PASS_FACTOR * noise else Verdict.WARN


def by_spread(error: float) -> Verdict:
    """The verdict on an FP16 answer's NRMSE where the noise is not known.

    PASS within a tenth of the spread, WARN within a quarter, FAIL beyond, and for what is no number.
    """
    if not error <= WRONG:
        return Verdict.FAIL
    return Verdict.PASS if error <= MOST_ROUNDING else Verdict.WARN
