"""What a file loses beside the reference by their answers alone, where nothing is known of the network: in points,
whose unit follows from what each output is.

A map of probabilities as large as the image is counted by its regions, a distribution by its likeliest class. Of any
other output, it is the share of its variance that the error makes, channel by channel: among boxes of hundreds of px,
an error in confidences between 0 and 1 would not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..network.result import Mask
from ..targets.budget import Loss
from ..targets.loaded import Runner
from ..verify.masks import SAME, best_overlaps
from .regions import RegionFinder

Array = NDArray[Any]
Answers: TypeAlias = Callable[[], Iterator[tuple[Array, Sequence[Array]]]]  # each image, and what the reference answers

ALL = 100.0  # points: everything is lost
THRESHOLD = 0.3  # of a map whose own is not known: DBNet's
_GROUPS = 16  # of images that are left out in turn, for the standard error
_EIGHT_BITS = 2.0**-8  # of its magnitude: a channel that moves by less is held against that


class Count(Protocol):
    """What one image adds up to, and what is lost where some of them are taken together."""

    @property
    def unit(self) -> str:
        """What a point is, for people."""
        ...

    def of(self, wanted: Array, got: Array) -> Array:
        """What is counted in one image: figures that may be added up."""
        ...

    def lost(self, sums: Array) -> float:
        """Points, 0 to 100, by the sums."""
        ...


@dataclass(frozen=True)
class Regions:
    """The F-score of the regions of a map N×1×H×W."""

    name: str
    finder: RegionFinder = field(default=RegionFinder(Mask(0, THRESHOLD)))

    @property
    def unit(self) -> str:
        return f"1 % of the F-score of the regions of {self.name} above {THRESHOLD:g}"

    def of(self, wanted: Array, got: Array) -> Array:
        before, now = ([*self.finder.finds([each]).astype(np.float64).reshape(-1, 4, 2)] for each in (wanted, got))
        right = sum(
            overlap >= SAME for each in (best_overlaps(before, now), best_overlaps(now, before)) for overlap in each
        )
        return np.array((right, len(before) + len(now)), np.float64)

    def lost(self, sums: Array) -> float:
        right, every = sums
        return ALL * (1 - right / every) if every else 0.0


class _Changed:
    """What is counted: sums are how many became others, and of how many."""

    def lost(self, sums: Array) -> float:
        other, every = sums
        return ALL * float(other / every) if every else 0.0


@dataclass(frozen=True)
class Classes(_Changed):
    """Which entry of the last axis is the largest."""

    name: str

    @property
    def unit(self) -> str:
        return f"1 % of the likeliest classes in {self.name}, which become others"

    def of(self, wanted: Array, got: Array) -> Array:
        other = wanted.argmax(-1) != got.argmax(-1)
        return np.array((other.sum(), other.size), np.float64)


@dataclass(frozen=True)
class Same(_Changed):
    """Whole numbers and truths: they are the same, or are not."""

    name: str

    @property
    def unit(self) -> str:
        return f"1 % of the numbers in {self.name}, which become others"

    def of(self, wanted: Array, got: Array) -> Array:
        return np.array((np.sum(wanted != got), wanted.size), np.float64)


@dataclass(frozen=True)
class Variance:
    """The share of each channel's variance that the error makes, in the mean over all channels."""

    name: str

    @property
    def unit(self) -> str:
        return f"an error of 1 % of the variance of {self.name}, which is 10 % of its standard deviation"

    def of(self, wanted: Array, got: Array) -> Array:
        before, now = (_channels(each).astype(np.float64) for each in (wanted, got))
        error = np.square(now - before).sum(1)
        count = np.full(len(before), before.shape[1], np.float64)
        return np.stack((error, count, before.sum(1), np.square(before).sum(1)))

    def lost(self, sums: Array) -> float:
        shares = _shares(sums)
        return ALL * float(np.minimum(shares, 1).mean()) if shares.size else 0.0


def _shares(sums: Array) -> Array:
    """Of each channel, the mean square error as a share of its variance; of one that is always 0, 1 for any error."""
    error, count, total, squares = sums
    count = np.maximum(count, 1)
    variance = np.maximum(squares / count - np.square(total / count), squares / count * _EIGHT_BITS**2)
    return np.divide(error / count, variance, out=(error > 0).astype(np.float64), where=variance > 0)


def _channels(values: Array) -> Array:
    """An output to one image as channels × values: the axis after the batch for maps, the shorter one of three."""
    if values.ndim < 3:
        return values.reshape(1, -1)
    if values.ndim == 3 and values.shape[2] < values.shape[1]:
        values = values.swapaxes(1, 2)
    return values.swapaxes(0, 1).reshape(values.shape[1], -1)


@dataclass(frozen=True, eq=False)
class AnswersAlone:
    """How much files lose by their answers: a way to count each output, and the reference's answers.

    `aside`: by number, the images that a file is not made on.
    """

    counts: tuple[Count, ...]
    answers: Answers
    aside: Sequence[int]

    @property
    def units(self) -> Sequence[str]:
        return tuple(dict.fromkeys(count.unit for count in self.counts))

    def loss(self, candidate: Runner) -> Loss:
        """What a file loses: by the output that loses most. All, if its answers have another form or are no numbers."""
        sums: list[list[Array]] = [[] for _ in self.counts]
        for image, wanted in self.answers():
            got = candidate.run(image)
            if not _alike(wanted, got):
                return Loss.of(ALL)
            for count, found, *pair in zip(self.counts, sums, wanted, got, strict=True):
                found.append(count.of(*pair))
        images = len(sums[0])
        every = range(images)
        points, others = self._lost(sums, every), self._lost(sums, self.aside) if self.aside else None
        groups = [set(every[start::_GROUPS]) for start in range(min(_GROUPS, images))]
        error = 0.0
        if len(groups) > 1:
            left = np.array([self._lost(sums, [i for i in every if i not in group]) for group in groups])
            error = float(np.sqrt((len(groups) - 1) / len(groups) * np.square(left - left.mean()).sum()))
        return Loss(points, others, points, others, error)

    def _lost(self, sums: Sequence[Sequence[Array]], which: Sequence[int]) -> float:
        return max(
            count.lost(np.sum([found[index] for index in which], axis=0))
            for count, found in zip(self.counts, sums, strict=True)
        )


def counts_for(names: Sequence[str], answers: Answers) -> tuple[Count, ...]:
    """A way to count each output, by what the reference answers to all images. Raises `ValueError` for what is not a
    number there, and for answers whose form depends on the image.
    """
    ways: list[_Way] = [_Way(name) for name in names]
    for image, outputs in answers():
        for way, output in zip(ways, outputs, strict=True):
            way.look(image, output)
    return tuple(way.count() for way in ways)


class _Way:
    """What is known of an output after some images."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shape: tuple[int, ...] | None = None
        self._whole = self._map = self._distribution = True
        self._classes: set[int] = set()
        self._regions = 0

    def look(self, image: Array, output: Array) -> None:
        if self._shape not in (None, output.shape):
            raise ValueError(f"{self._name} has another shape for another image")
        self._shape = output.shape
        self._whole &= output.dtype.kind in "biu"
        if self._whole:
            return
        if not np.isfinite(output).all():
            raise ValueError(f"{self._name} holds values that are NaN or infinite")
        within = bool(output.size and output.min() >= 0 and output.max() <= 1)
        self._map &= within and output.shape == (len(image), 1, *image.shape[2:])
        self._distribution &= within and output.ndim > 1 and output.shape[-1] > 1
        self._distribution &= self._distribution and bool(np.abs(output.sum(-1) - 1).max() < 1e-3)
        if self._map:
            self._regions += len(Regions(self._name).finder.finds([output]))
        if self._distribution:
            self._classes.update(np.unique(output.argmax(-1)).tolist())

    def count(self) -> Count:
        """Where no image has a region, or all have the same class, these tell nothing of a file."""
        if self._whole:
            return Same(self._name)
        if self._map and self._regions:
            return Regions(self._name)
        if self._distribution and len(self._classes) > 1:
            return Classes(self._name)
        return Variance(self._name)


def _alike(wanted: Sequence[Array], got: Sequence[Array]) -> bool:
    """Whether answers have the form that they should have, and all are numbers."""
    return len(wanted) == len(got) and all(
        x.shape == y.shape and x.dtype == y.dtype and (y.dtype.kind != "f" or bool(np.isfinite(y).all()))
        for x, y in zip(wanted, got, strict=True)
    )


def apart(answer: Sequence[Array], exact: Sequence[Array]) -> float:
    """How far one answer is from another: the share of each channel's variance that the error makes, of all outputs.

    It grows with the square of an error, so that the figures of independent errors add up.
    """
    found = 0.0
    for got, wanted in zip(answer, exact, strict=True):
        if wanted.dtype.kind == "f" and wanted.shape == got.shape:
            found += float(_shares(Variance("").of(wanted, got)).mean())
    return found if np.isfinite(found) else float(np.finfo(np.float64).max)
