"""What judges INT8 files of the benchmark: what a network finds, or the regions of a file's own map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from halfpint.core.images.source import ImageSource
from halfpint.core.network.preparation import Preparation
from halfpint.core.network.result import Mask
from halfpint.core.proof.answers_alone import THRESHOLD
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.proof.regions import RegionFinder, RegionTally
from halfpint.core.targets.loaded import Runner

Array = NDArray[Any]


class Judge(Protocol):
    """Some images, and what FP32 finds in them."""

    @property
    def what(self) -> str:
        """What is found, and of which kind of network."""
        ...

    def pixels(self) -> Iterator[Array]:
        """The images as the network takes them."""
        ...

    def lost(self, runner: Runner) -> Mapping[str, Any]:
        """What a file loses there, in points, and what it keeps."""
        ...


@dataclass(frozen=True)
class Found:
    """By what a known network finds."""

    by: Yardstick

    @property
    def what(self) -> str:
        return f"{self.by.finder.what} of {self.by.network.family}"

    def pixels(self) -> Iterator[Array]:
        return (image.pixels for image in self.by.images.stream(self.by.preparation))

    def lost(self, runner: Runner) -> Mapping[str, Any]:
        proof = prove(runner, self.by, 0.0)
        points = None if proof.loss is None else round(proof.loss.points, 3)
        return {"points": points, "kept": proof.kept, "expected": proof.expected, "new": proof.new}


@dataclass(frozen=True)
class Regions:
    """By the regions of the map that a file of others gives. `full`: that file."""

    full: Runner
    images: ImageSource
    preparation: Preparation

    @property
    def what(self) -> str:
        return "regions of a text detector"

    def pixels(self) -> Iterator[Array]:
        return (image.pixels for image in self.images.stream(self.preparation))

    def lost(self, runner: Runner) -> Mapping[str, Any]:
        finder, tally = RegionFinder(Mask(0, THRESHOLD)), RegionTally()
        for image in self.pixels():
            tally.add(finder.finds(self.full.run(image)), finder.finds(runner.run(image)), None)
        counted = tally.counted()
        points = round(counted.loss.points, 3)
        return {"points": points, "kept": counted.kept, "expected": counted.expected, "new": counted.new}
