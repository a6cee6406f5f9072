"""What a network must answer is the same in whichever order it is asked for, prepared or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halfpint.core.images.probes import Probe, small_probes
from halfpint.core.precisions import FLOATS
from halfpint.core.shapes import InputShape
from halfpint.core.verify.answers import Answers
from support.checkpoints import network_of, nrmse

pytestmark = pytest.mark.numbers


def test_what_was_not_prepared_is_computed_when_it_is_asked_for(tiny: Path) -> None:
    with network_of(tiny) as network:
        own = Probe(InputShape(2, network.channels, 5 * network.stride, network.stride), 7)
        probes = (*small_probes(network.channels, network.stride), own)
        prepared, asked = Answers(network), Answers(network)
        prepared.prepare(probes, FLOATS)
        for probe in reversed(probes):
            for image in range(probe.shape.batch):
                for got, wanted in zip(asked.exact(probe, image), prepared.exact(probe, image), strict=True):
                    assert nrmse(got, wanted) < np.finfo(np.float32).eps
        for precision in FLOATS:
            got, wanted = asked.noise(precision), prepared.noise(precision)
            # float64 adds up in another order; yet no more than a few come out otherwise when they are rounded.
            assert got.decisive == pytest.approx(wanted.decisive, rel=0.01)
            for name, distance in got.distances.items():
                assert distance.nrmse == pytest.approx(wanted.distances[name].nrmse, rel=0.01)
        assert asked.largest()[0] == prepared.largest()[0]
        for name, change in asked.change().items():
            assert change.nrmse == pytest.approx(prepared.change()[name].nrmse)
        prepared.close()
        asked.close()


def test_an_image_of_many_times_the_area_is_answered_in_float32(tiny: Path) -> None:
    with network_of(tiny) as network:
        answers = Answers(network)
        small, large = (
            InputShape(1, network.channels, side * network.stride, side * network.stride) for side in (5, 6)
        )
        assert {y.dtype for y in answers.exact(Probe(small, 0), 0)} == {np.dtype(np.float64)}
        assert {y.dtype for y in answers.exact(Probe(large, 0), 0)} == {np.dtype(np.float32)}
        answers.close()
