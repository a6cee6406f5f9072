"""What an artifact can be: its target, its precision, and the file names that tell both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .precisions import ALL_PRECISIONS, REFERENCE, Precision
from .targets import targets
from .targets.target import Target


@dataclass(frozen=True, order=True)
class Kind:
    """One artifact of a job: a target in a precision."""

    target: Target
    precision: Precision

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What follows the artifact's name in each of its files: `.onnx`, `.fp16.onnx`, `.torchscript`, …"""
        own = "" if self.precision == REFERENCE else f".{self.precision}"
        return tuple(f"{own}{suffix}" for suffix in self.target.suffixes)

    @property
    def suffix(self) -> str:
        """That of the file that stands for all of them."""
        return self.suffixes[0]

    @property
    def slow_on_cpu(self) -> bool:
        """Whether its runtime is far slower with it on a CPU than with the reference precision."""
        return self.target.slow_on_cpu(self.precision)

    def __str__(self) -> str:
        return f"{self.target} {self.precision}"


def all_kinds() -> Iterator[Kind]:
    """Everything that a network can become, target by target."""
    for target in targets():
        yield from (Kind(target, precision) for precision in ALL_PRECISIONS if target.accepts(precision))


def all_suffixes() -> Iterator[str]:
    """Whatever may follow an artifact's name in a file of it."""
    for kind in all_kinds():
        yield from kind.suffixes


def root_of(name: str) -> str:
    """An artifact's name without precisions at its end.

    `best` and `best.fp16` have the same root, for both can become best.fp16.onnx.
    """
    for precision in ALL_PRECISIONS:
        shorter = name.removesuffix(f".{precision}")
        if shorter and shorter != name:
            return root_of(shorter)
    return name
