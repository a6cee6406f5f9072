"""A precision: how an artifact stores its weights and computes. All that asks about it reads its fields."""

from __future__ import annotations

from dataclasses import dataclass

from .dtype import FLOAT32, DType


@dataclass(frozen=True, order=True)
class Precision:
    """How an artifact stores its weights and computes; `name`: as `--precision` spells it.

    `weights`, `activations`: the types of what it stores and of what flows through it. `io`: what its input and
    outputs have where the user asks for them in the precision itself (`--half-io`); else they are float32.
    `largest`: the largest magnitude that a weight or an activation may have. `needs_images`: whether it cannot be made
    without images of the user. `help`: what it is, in a few words.
    """

    name: str
    weights: DType
    activations: DType
    io: DType
    largest: float
    help: str
    needs_images: bool = False

    @property
    def label(self) -> str:
        """The name as people read it: FP16."""
        return self.name.upper()

    @property
    def has_io(self) -> bool:
        """Whether there is anything but float32 that its input and outputs could have."""
        return self.io != FLOAT32

    def ports(self, *, half_io: bool) -> DType:
        """What the input and outputs of its files have: its own type where that is asked for, else float32."""
        return self.io if half_io else FLOAT32

    def __str__(self) -> str:
        return self.name
