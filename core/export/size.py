"""The size of a job: what was asked for or the model's default, rounded to a legal one if that was asked for too."""

from __future__ import annotations

from ..families.family import Facts
from ..shapes import Rounding, rounded
from ..spec import ExportSpec


def sized(spec: ExportSpec, facts: Facts, size: tuple[int, int] | None, how: Rounding | None) -> ExportSpec:
    """The spec at a size (height, width; None: the model's default), rounded to its stride if `how` says so.

    A size that was changed is kept as `rounded_from`, so that the job tells of it.
    """
    height, width = size or facts.sizes.default
    if how is None:
        return spec.sized(height, width)
    legal = (rounded(height, facts.stride, how), rounded(width, facts.stride, how))
    return spec.sized(*legal, rounded_from=None if legal == (height, width) else (height, width))
