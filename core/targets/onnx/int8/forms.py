"""In which form a layer is kept: in 8-bit arithmetic, or computed in float from weights of 8 or 16 bits."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """A layer's form, from the smallest and quickest to the most exact; the words are a report's."""

    INT8 = "int8"
    DYNAMIC = "int8, ranges as it runs"
    INT8_WEIGHTS = "float, int8 weights"
    FP16_WEIGHTS = "float, fp16 weights"

    @property
    def weight_nbytes(self) -> int:
        """Bytes of each weight."""
        return 2 if self is Form.FP16_WEIGHTS else 1
