"""What a file loses on images, with how sure that is: for a budget of tenths of a point, from few images too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..network.result import Detections
from ..targets.budget import Loss
from ..targets.loaded import Runner
from .average_precision import mean_of, precision_by_class, right_of
from .detections import above, found_in
from .prove import WrongAnswer, Yardstick, answered
from .rows import Rows

Array = NDArray[Any]
Lost: TypeAlias = Callable[[Sequence[int]], float]  # what is lost on these images, in points

# mAP50-95 takes ten IoUs, and in few images one box at one of them moves it by tenths of a point. What is expected of
# many images is counted at a hundred.
_FINE = np.linspace(0.5, 0.95, 91)
_GROUPS = 16  # of images that are left out in turn, for the standard error


class Expected:
    """How much files lose on the images that the reference has seen."""

    def __init__(self, by: Yardstick, aside: Sequence[int], batch: int = 1) -> None:
        """`aside`: by number, the images that the files are not made on. `batch`: of how many images a run is."""
        self._by, self._aside, self._batch = by, aside, batch

    def loss(self, candidate: Runner) -> Loss:
        """What a file loses: all of the score, if it does not answer as it promises.

        The standard error is a jackknife's: of what each group of images changes, when it is left out.
        """
        by, aside, rows = self._by, self._aside, Rows(self._by.finder.width)
        images = by.images.stream(by.preparation)
        try:
            found = [
                rows.add(by.finder.finds(outputs))
                for _, outputs in answered(candidate, images, by.network, self._batch)
            ]
        except WrongAnswer:
            return Loss.of(100.0)
        finds = [rows.at(place) for place in found]
        every, counted = range(len(finds)), self._counted(finds)
        points, others = counted(every), counted(aside) if aside else None
        groups = [set(every[start::_GROUPS]) for start in range(min(_GROUPS, len(finds)))]
        if len(groups) < 2:
            return Loss(points, others, points, others, 0.0)
        lost = self._fine(finds) if isinstance(by.network.result, Detections) else counted
        left = np.array([lost([index for index in every if index not in group]) for group in groups])
        error = float(np.sqrt((len(groups) - 1) / len(groups) * np.square(left - left.mean()).sum()))
        return Loss(points, others, lost(every), lost(aside) if aside else None, error)

    def _counted(self, finds: Sequence[Array]) -> Lost:
        """The loss on some of the images, as a proof counts it."""
        by = self._by

        def lost(which: Sequence[int]) -> float:
            tally = by.tally()
            for index in which:
                tally.add(by.finds(index), finds[index], by.labels(index))
            return tally.counted().loss.points

        return lost

    def _fine(self, finds: Sequence[Array]) -> Lost:
        """The loss of mAP on some of the images, counted finely."""
        before, now = self._before, _Scores(finds, self._truths)
        return lambda which: 100 * (before.mean(which) - now.mean(which))

    @cached_property
    def _truths(self) -> Sequence[Any]:
        return [_truth(self._by, index) for index in range(len(self._by.seen))]

    @cached_property
    def _before(self) -> _Scores:
        """Of what the reference finds, which every file is held against."""
        return _Scores([self._by.finds(index) for index in range(len(self._by.seen))], self._truths)


def _truth(by: Yardstick, index: int) -> Any:
    """What is in an image: its labels where any are known, else what the reference finds; None where no image of this
    kind counts.
    """
    if any(seen.labels is not None for seen in by.seen):
        return by.labels(index)
    return above(found_in(by.finds(index)), by.finder.threshold or 0.0).boxes


class _Scores:
    """Of what is found in each image, what decides: its confidence, its class, and at which IoUs it is right."""

    def __init__(self, finds: Sequence[Array], truths: Sequence[Any]) -> None:
        self._rows = Rows(2 + len(_FINE))
        self._places, self._truth = list[range](), list[Counter[int]]()
        for rows, truth in zip(finds, truths, strict=True):
            found = found_in(rows if truth is not None else rows[:0])
            there = Counter[int](truth.classes.tolist() if truth is not None else ())
            right = right_of(found, truth, _FINE) if truth is not None else np.zeros((0, len(_FINE)), bool)
            table = np.column_stack((found.confidences, found.boxes.classes, right))
            self._places.append(self._rows.add(table))
            self._truth.append(there)

    def mean(self, which: Sequence[int]) -> float:
        """mAP, 0 to 1, over some of the images."""
        rows = np.concatenate([self._rows.at(self._places[index]) for index in which])
        truth = sum((self._truth[index] for index in which), Counter[int]())
        return mean_of(precision_by_class(rows[:, 0], rows[:, 1], rows[:, 2:] > 0, truth))
