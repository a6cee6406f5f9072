"""What an artifact can be: its format, its precision, and the file name that tells both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """A file format to export to, spelled as `--include` spells it."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"


class Precision(StrEnum):
    """How an artifact stores its weights and computes."""

    FP32 = "fp32"
    FP16 = "fp16"

    @property
    def itemsize(self) -> int:
        """Bytes a weight."""
        return 2 if self is Precision.FP16 else 4


@dataclass(frozen=True, order=True)
class Kind:
    """One artifact of a job: a format in a precision."""

    format: Format
    precision: Precision

    @property
    def suffix(self) -> str:
        """What follows the artifact's name: `.onnx`, `.fp16.onnx`, `.torchscript`, …"""
        return f".{self.format}" if self.precision is Precision.FP32 else f".{self.precision}.{self.format}"

    def __str__(self) -> str:
        return f"{self.format} {self.precision}"
