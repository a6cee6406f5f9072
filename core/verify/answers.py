"""The reference's answers to the test images, computed once for all artifacts of a job, and ahead of need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Any

from numpy.typing import NDArray

from ..images.probes import Probe, small_probes
from ..images.synthetic import image_for
from ..network.network import Network
from ..precisions import Precision
from ..precisions.dtype import FLOAT32, FLOAT64
from ..readings.lanes import Lane, run_together
from ..readings.reference import Reference
from ..readings.rounding import Float32
from ..targets.loaded import Runner
from .compare import distances
from .decisive import decisive_noise
from .probes import CHEAP
from .report import Distance, Noise

Array = NDArray[Any]


@dataclass(frozen=True)
class _Image:
    """A test image: its size and its seed."""

    height: int
    width: int
    seed: int

    @property
    def area(self) -> int:
        return self.height * self.width


@dataclass(frozen=True, eq=False)
class _Rounded:
    """The network in a precision, as the reference computes it in its own thread."""

    network: Network
    precision: Precision
    thread: ThreadPoolExecutor

    def run(self, image: Array) -> tuple[Array, ...]:
        return self.thread.submit(Reference(self.precision.activations).run, self.network, image).result()


@dataclass(frozen=True)
class _Pass:
    """What one pass through the network gave."""

    exact: Mapping[_Image, tuple[Array, ...]]
    noise: Mapping[Precision, Noise]


class Answers:
    """What a network must answer, and how far rounding alone may move it.

    Everything is computed in one background thread, in the order it was first asked for: numpy releases the
    interpreter there, so files are written meanwhile. All small images go through the network together.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._reference = Reference(FLOAT64)
        # An image of the file's own size would take float64 longer than all the rest of a job. float32 is off by no
        # more than the yardstick, of which a correct file may be off by four.
        self._large = Reference(FLOAT32, Float32())
        first, second, *_ = small_probes(network.channels, network.stride)
        # The images that rounding noise is measured on. In some networks it is ten times larger on one than on the
        # next, and the largest counts.
        self._yardstick = (_image(first, 0), _image(second, 0), _image(second, 1))
        self._another = _image(first, 1)
        self._cheap = CHEAP * first.shape.area
        self._exact: dict[_Image, Future[_Pass]] = {}
        self._noise: dict[Precision, Future[_Pass]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reference")

    def close(self) -> None:
        """Drop what is still to be computed."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def prepare(self, probes: Iterable[Probe], precisions: Iterable[Precision]) -> None:
        """Begin to compute what these probes and precisions will need, the small images first."""
        images = [_image(probe, index) for probe in probes for index in compared(probe)]
        sizes = {probe.shape.size for probe in small_probes(self.network.channels, self.network.stride)}
        small = [image for image in images if (image.height, image.width) in sizes]
        self._begin([*small, *self._yardstick, self._another], tuple(precisions))
        for image in images:
            self._begin([image])

    def exact(self, probe: Probe, image: int) -> tuple[Array, ...]:
        """The answer to image `image` of a probe's batch, every output with a batch of one: in float64 to a small one,
        in float32 to one of many times its area.
        """
        return self._answer(_image(probe, image))

    def cheap(self, probe: Probe) -> bool:
        """Whether the answer to it is float64, and its size one that `noise` may speak for."""
        return probe.shape.area <= self._cheap

    def noise(self, precision: Precision) -> Noise:
        """How far this network in a precision is from float64; the largest of three images' figures."""
        self._begin(self._yardstick, [precision])
        return self._noise[precision].result().noise[precision]

    def noise_at(self, precision: Precision, probe: Probe, image: int) -> Noise:
        """How far rounding moves the answer to image `image` of a probe's batch itself.

        It takes as long as the reference takes for the image, and more. Some networks make far more of every rounding
        in large images than in the small ones that `noise` is measured on: only where a file seems wrong there, it
        matters which one this is.
        """
        at = _image(probe, image)
        rounded = self._thread.submit(Reference(precision.activations).run, self.network, self._pixels(at)).result()
        return self._measured([rounded], {at: self._answer(at)})

    def rounded(self, precision: Precision) -> Runner:
        """What answers any image as the network does in a precision, by rounding alone; it takes the reference's time.

        The images wait until what was asked for before is computed, so that no two passes take memory at once.
        """
        return _Rounded(self.network, precision, self._thread)

    def change(self) -> Mapping[str, Distance]:
        """By component: how far another image of the same size moves the answer."""
        return distances(self.network, self._answer(self._another), self._answer(self._yardstick[0]))

    def largest(self) -> tuple[str, float]:
        """The layer with the largest magnitude that a narrow type would have to hold, over all answers so far."""
        met = (*self._reference.largest.items(), *self._large.largest.items())
        return max(met, key=lambda item: item[1], default=("", 0.0))

    def _answer(self, image: _Image) -> tuple[Array, ...]:
        self._begin([image])
        return self._exact[image].result().exact[image]

    def _begin(self, images: Iterable[_Image], precisions: Iterable[Precision] = ()) -> None:
        """Have one pass compute those of the answers and noises that no other pass computes."""
        new = tuple(image for image in dict.fromkeys(images) if image not in self._exact)
        narrow = tuple(precision for precision in dict.fromkeys(precisions) if precision not in self._noise)
        if not (new or narrow):
            return
        begun = self._thread.submit(self._run, new, narrow)
        self._exact.update(dict.fromkeys(new, begun))
        self._noise.update(dict.fromkeys(narrow, begun))

    def _run(self, images: Collection[_Image], precisions: Collection[Precision]) -> _Pass:
        rounded = [Reference(precision.activations) for precision in precisions]
        lanes = [Lane(self._reader(image), self._pixels(image)) for image in images]
        lanes += [Lane(reference, self._pixels(image)) for reference in rounded for image in self._yardstick]
        answers = iter(run_together(self.network, lanes))
        exact = {image: next(answers) for image in images}
        noise = {precision: self._yardstick_noise(exact, answers) for precision in precisions}
        return _Pass(exact, noise)

    def _yardstick_noise(self, here: Mapping[_Image, tuple[Array, ...]], answers: Iterator[tuple[Array, ...]]) -> Noise:
        """The noise of the next answers, to the yardstick's images. `here`: exact answers; others came before."""
        wanted = {
            image: here[image] if image in here else self._exact[image].result().exact[image]
            for image in self._yardstick
        }
        return self._measured([next(answers) for _ in wanted], wanted)

    def _reader(self, image: _Image) -> Reference:
        return self._reference if image.area <= self._cheap else self._large

    def _measured(self, answers: Sequence[tuple[Array, ...]], exact: Mapping[_Image, tuple[Array, ...]]) -> Noise:
        """The noise of answers to the images of `exact`, in their order; the largest of their figures."""
        return reduce(longer, (self._off(*each) for each in zip(answers, exact.values(), strict=True)))

    def _off(self, outputs: tuple[Array, ...], exact: tuple[Array, ...]) -> Noise:
        result = self.network.result
        decisive = 0.0 if result is None else decisive_noise(result, outputs, exact)
        return Noise(distances(self.network, outputs, exact), decisive)

    def _pixels(self, image: _Image) -> Array:
        return image_for(self.network.task, self.network.channels, image.height, image.width, image.seed)


def longer(a: Noise, b: Noise) -> Noise:
    """A yardstick that reaches as far as each of two."""
    distances = {
        name: Distance(max(one.nrmse, b.distances[name].nrmse), max(one.largest, b.distances[name].largest))
        for name, one in a.distances.items()
    }
    return Noise(distances, max(a.decisive, b.decisive))


def _image(probe: Probe, index: int) -> _Image:
    """Image `index` of a probe's batch."""
    return _Image(*probe.shape.size, probe.seed + index)


def compared(probe: Probe) -> tuple[int, ...]:
    """The images of a probe's batch that are compared: the first and the last, as the reference is slow."""
    return (0,) if probe.shape.batch == 1 else (0, probe.shape.batch - 1)
