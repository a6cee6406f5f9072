"""The constants of a size as tensors of an ONNX file."""

from __future__ import annotations

from ...readings.size_constants import GridConstant, ShapeConstant, SizeConstant
from .graph import ElementType, Initializer


def initializer(constant: SizeConstant) -> Initializer:
    """The tensor that a file stores."""
    match constant:
        case GridConstant(name, rows, columns):
            return Initializer(name, ElementType.FLOAT, (2, rows * columns), constant.values)
        case ShapeConstant(name, dims):
            return Initializer(name, ElementType.INT64, (len(dims),), constant.values)
