"""The reference's answers to the test images, computed once for all artifacts of a job, and ahead of need."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from numpy.typing import NDArray

from ..images.probes import Probe, small_probes
from ..images.synthetic import image_for
from ..network.network import Network
from ..precisions import Precision
from ..precisions.dtype import FLOAT64
from ..readings.reference import Reference
from .compare import distances
from .decisive import decisive_noise
from .report import Distance, Noise

Array = NDArray[Any]
T = TypeVar("T")


class Answers:
    """What a network must answer, and how far rounding alone may move it.

    Everything is computed in one background thread, in the order it was first asked for: numpy releases the
    interpreter there, so files are written meanwhile.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._reference = Reference(FLOAT64)
        first, second, *_ = small_probes(network.channels, network.stride)
        # The images that rounding noise is measured on. In some networks it is ten times larger on one than on the
        # next, and the largest counts.
        self._yardstick = ((first, 0), (second, 0), (second, 1))
        self._futures: dict[Hashable, Future[object]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reference")

    def close(self) -> None:
        """Drop what is still to be computed."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def prepare(self, probes: Iterable[Probe], precisions: Iterable[Precision]) -> None:
        """Begin to compute what these probes and precisions will need."""
        for probe in probes:
            for image in compared(probe):
                self._begin_exact(probe, image)
        for precision in precisions:
            self._begin_noise(precision)

    def exact(self, probe: Probe, image: int) -> tuple[Array, ...]:
        """The float64 answer to image `image` of a probe's batch; every output has a batch of one."""
        return cast(tuple[Array, ...], self._begin_exact(probe, image).result())

    def noise(self, precision: Precision) -> Noise:
        """How far this network in a precision is from float64; the largest of three images' figures."""
        return cast(Noise, self._begin_noise(precision).result())

    def change(self) -> Mapping[str, Distance]:
        """By component: how far another image of the same size moves the answer."""
        base = small_probes(self.network.channels, self.network.stride)[0]
        return distances(self.network, self.exact(base, 1), self.exact(base, 0))

    def largest(self) -> tuple[str, float]:
        """The layer with the largest magnitude that a narrow type would have to hold, over all answers so far."""
        return max(self._reference.largest.items(), key=lambda item: item[1], default=("", 0.0))

    def _begin_exact(self, probe: Probe, image: int) -> Future[object]:
        key = (probe.shape.size, probe.seed + image)
        return self._begin(key, lambda: self._reference.run(self.network, self._image(probe, image)))

    def _begin_noise(self, precision: Precision) -> Future[object]:
        exact = [self._begin_exact(probe, image) for probe, image in self._yardstick]

        def compute() -> Noise:
            rounded = Reference(precision.activations)
            noise, decisive = dict[str, Distance](), 0.0
            for (probe, image), future in zip(self._yardstick, exact, strict=True):
                outputs = rounded.run(self.network, self._image(probe, image))
                wanted = cast(tuple[Array, ...], future.result())
                for name, new in distances(self.network, outputs, wanted).items():
                    old = noise.get(name, Distance(0.0, 0.0))
                    noise[name] = Distance(max(old.nrmse, new.nrmse), max(old.largest, new.largest))
                if self.network.result is not None:
                    decisive = max(decisive, decisive_noise(self.network.result, outputs, wanted))
            return Noise(noise, decisive)

        return self._begin(precision, compute)

    def _image(self, probe: Probe, image: int) -> Array:
        return image_for(self.network.task, self.network.channels, *probe.shape.size, probe.seed + image)

    def _begin(self, key: Hashable, compute: Callable[[], object]) -> Future[object]:
        if key not in self._futures:
            self._futures[key] = self._thread.submit(compute)
        return self._futures[key]


def compared(probe: Probe) -> tuple[int, ...]:
    """The images of a probe's batch that are compared: the first and the last, as the reference is slow."""
    return (0,) if probe.shape.batch == 1 else (0, probe.shape.batch - 1)
