"""The precisions that artifacts are made in: one line each, in the order in which they are made and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import JobFailed
from .dtype import DType
from .fp16 import FP16
from .fp32 import FP32
from .int8 import INT8
from .precision import Precision

ALL_PRECISIONS: tuple[Precision, ...] = (FP32, FP16, INT8)
# Those that are made by rounding alone, without any image: rounding noise is the yardstick of their answers.
FLOATS = tuple(precision for precision in ALL_PRECISIONS if not precision.needs_images)
REFERENCE = FP32  # what is made where nothing else is asked for, and what the others are held against
HALF = FP16  # what `--half` asks for


def named(name: str) -> Precision:
    """The precision of a name. Raises `ValueError` for one that is not known."""
    for precision in ALL_PRECISIONS:
        if precision.name == name:
            return precision
    raise ValueError(f"{name!r} is no precision")


def storing(dtypes: Iterable[str]) -> Precision:
    """The precision of a file that stores weights of these types, by numpy's names: the narrowest of them counts."""
    found = set(dtypes)
    return min(
        (p for p in ALL_PRECISIONS if p.weights.name in found), key=lambda p: p.weights.itemsize, default=REFERENCE
    )


def prevailing(elements: Mapping[str, int]) -> Precision:
    """The precision of a file that stores so many elements of each type, by numpy's names: most of them count.

    Of those that are equally many it is the first, which is the reference precision. One that needs images mixes types
    as these bear it: any element of its own tells it.
    """
    for precision in ALL_PRECISIONS:
        if precision.needs_images and elements.get(precision.weights.name):
            return precision
    return max(ALL_PRECISIONS, key=lambda precision: elements.get(precision.weights.name, 0))


def cannot_hold(precision: Precision, what: str, value: float, fix: str) -> JobFailed:
    """The error for a value that a precision cannot hold. `what`: where it is; `fix`: what to do instead."""
    dtype = precision.weights
    message = f"{what} is {value:.4g}, {dtype} ends at {dtype.largest:.0f}: {precision.label} cannot hold this model"
    return JobFailed(message, fix)


__all__ = [
    "ALL_PRECISIONS",
    "FLOATS",
    "FP16",
    "FP32",
    "HALF",
    "INT8",
    "REFERENCE",
    "DType",
    "Precision",
    "cannot_hold",
    "named",
    "prevailing",
    "storing",
]
