"""The checks, a file each: which there are, and in which ways to verify they are made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeAlias, TypeVar

from ..evidence import Evidence
from ..report import Way
from . import (
    accuracy,
    best_class,
    constants,
    detections,
    mask,
    nms,
    outputs,
    own_size,
    power,
    proof,
    ranges,
    resemblance,
    rounding,
    weights,
)
from .found import Compared, Stored

F = TypeVar("F")
# What looks at what was found, and tells nothing where it does not concern it; and the ways it is made in.
Check: TypeAlias = tuple[Callable[[F], Iterable[Evidence]], Collection[Way]]

# In the order in which a report tells them.
OF_FILES: tuple[Check[Stored], ...] = (
    (weights.look, {Way.FULL, Way.QUICK}),
    (constants.look, {Way.FULL, Way.QUICK, Way.IMAGES}),
)
OF_ANSWERS: tuple[Check[Compared], ...] = (
    (proof.look, {Way.FULL, Way.QUICK, Way.IMAGES}),
    (outputs.look, {Way.QUICK}),
    (accuracy.look, {Way.FULL}),
    (resemblance.look, {Way.QUICK}),
    (ranges.look, {Way.FULL, Way.QUICK, Way.HALVED}),
    (rounding.look, {Way.FULL}),
    (power.look, {Way.FULL}),
    (own_size.look, {Way.FULL}),
    (nms.look, {Way.FULL, Way.QUICK}),
    (detections.look, {Way.FULL, Way.QUICK}),
    (mask.look, {Way.FULL, Way.QUICK, Way.HALVED}),
    (best_class.look, {Way.FULL, Way.QUICK}),
)


def check_file(way: Way, stored: Stored) -> Iterator[Evidence]:
    """What a file stores, looked at."""
    return _made(OF_FILES, way, stored)


def check_answers(way: Way, compared: Compared) -> Iterator[Evidence]:
    """A file's answers, looked at."""
    return _made(OF_ANSWERS, way, compared)


def _made(checks: Iterable[Check[F]], way: Way, found: F) -> Iterator[Evidence]:
    for look, ways in checks:
        if way in ways:
            yield from look(found)
