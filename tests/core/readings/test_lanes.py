"""Images that go through a network together answer as each does alone."""

from __future__ import annotations

import pytest

from halfpint.core.images.synthetic import image_for
from halfpint.core.precisions.dtype import FLOAT16, FLOAT32, FLOAT64
from halfpint.core.readings.lanes import Lane, run_together
from halfpint.core.readings.reference import Reference
from support.checkpoints import Checkpoint, network_of, nrmse
from support.rounding import limits64

pytestmark = pytest.mark.numbers


@pytest.mark.one_in(3)
def test_of_several_sizes_and_precisions(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        sizes = [(rows * network.stride, columns * network.stride) for rows, columns in ((2, 4), (4, 2), (3, 3))]
        images = [image_for(network.task, network.channels, *size, seed) for seed, size in enumerate(sizes)]
        half, exact, full = (Reference(dtype) for dtype in (FLOAT16, FLOAT64, FLOAT32))
        lanes = [Lane(reference, image) for image in images for reference in (half, exact, full)]
        answers = iter(run_together(network, lanes))
        for image in images:
            alone = [Reference(dtype).run(network, image) for dtype in (FLOAT16, FLOAT64, FLOAT32)]
            for outputs in zip(*alone, *(next(answers) for _ in alone), limits64(network, image), strict=True):
                half_alone, exact_alone, full_alone, half_got, exact_got, full_got, limit = outputs
                assert nrmse(exact_got, exact_alone) <= limit
                # float64 adds up in another order; yet no more than a few come out otherwise when they are rounded.
                for got, wanted in ((half_got, half_alone), (full_got, full_alone)):
                    assert got.dtype == wanted.dtype
                    assert nrmse(got, exact_alone) == pytest.approx(nrmse(wanted, exact_alone), rel=0.01)
