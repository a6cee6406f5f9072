"""What an artifact can be: its format, its precision, and the file name that tells both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .precisions import ALL_PRECISIONS, REFERENCE, Precision


class Format(StrEnum):
    """A file format to export to, spelled as `--include` spells it."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"


@dataclass(frozen=True, order=True)
class Kind:
    """One artifact of a job: a format in a precision."""

    format: Format
    precision: Precision

    @property
    def suffix(self) -> str:
        """What follows the artifact's name: `.onnx`, `.fp16.onnx`, `.torchscript`, …"""
        return f".{self.format}" if self.precision == REFERENCE else f".{self.precision}.{self.format}"

    def __str__(self) -> str:
        return f"{self.format} {self.precision}"


SUFFIXES = tuple(Kind(format, precision).suffix for format in Format for precision in ALL_PRECISIONS)


def root_of(name: str) -> str:
    """An artifact's name without precisions at its end.

    `best` and `best.fp16` have the same root, for both can become best.fp16.onnx.
    """
    for precision in ALL_PRECISIONS:
        shorter = name.removesuffix(f".{precision}")
        if shorter and shorter != name:
            return root_of(shorter)
    return name
