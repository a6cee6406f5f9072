"""What the float64 reference holds at its peak, weighed against what numpy allocates."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from halfpint.core.images.synthetic import image_for
from halfpint.core.precisions.dtype import FLOAT64
from halfpint.core.readings.products import THREAD_NBYTES
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.reference_weigher import reference_peak
from halfpint.core.readings.threads import THREADS
from support import dbnet
from support.checkpoints import network_of

MIB = 2**20
BUFFERS = THREADS * THREAD_NBYTES + MIB  # of the threads that convolve; and Python's own small things
FIXTURES = Path(__file__).parents[2] / "fixtures" / "yolov5"


@pytest.mark.parametrize("name", ["master-n", "master-n-seg", "v2.0-s", "proxylessnas"])
def test_the_peak_is_what_numpy_allocates(name: str) -> None:
    path = dbnet.checkpoint(name) if name in dbnet.VARIANTS else FIXTURES / f"{name}.pt"
    size = (512, 384)
    with network_of(path) as network:
        reference = Reference(FLOAT64)
        reference.run(network, image_for(network.task, network.channels, 64, 64, 0))  # all is imported now
        image = image_for(network.task, network.channels, *size, 0)
        tracemalloc.start()
        try:
            reference.run(network, image)
            measured = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        weighed = reference_peak(network, (1, network.channels, *size))
        assert reference_peak(network, (1, network.channels, 1024, 768)) > 3 * weighed
    assert weighed <= measured + MIB
    assert measured <= weighed + BUFFERS
