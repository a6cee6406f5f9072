"""How 8-bit numbers are laid out for one kind of machine: signed or not, how wide, what else is stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Machine(StrEnum):
    """What a file is quantised for."""

    CPU = "cpu"
    ARM = "arm"
    TENSORRT = "tensorrt"


@dataclass(frozen=True)
class Scheme:
    """The 8-bit numbers of a file. Weights are signed, with a scale for each output channel.

    `lowest`, `highest`: of a quantised activation. `symmetric`: whether its zero is in the middle. `weight`: the
    largest magnitude of a quantised weight. `outputs`: whether what a convolution gives is quantised as well, without
    which ONNX Runtime computes it in float. `biases`: whether biases are stored as int32. `reason`: of all this, for
    people.
    """

    machine: Machine
    lowest: int
    highest: int
    symmetric: bool
    weight: int
    outputs: bool
    biases: bool
    reason: str

    @property
    def here(self) -> bool:
        """Whether it is for a machine such as this one, so that what is measured here is true of it."""
        return self.machine is Machine.CPU

    @property
    def dtype(self) -> str:
        """The type of a quantised activation, by numpy's name."""
        return "uint8" if self.lowest == 0 else "int8"


def scheme_for(machine: Machine, instructions: frozenset[str] | None) -> Scheme:
    """The scheme for a machine. `instructions`: this CPU's flags, None where they are not known.

    Two products of uint8 and int8 exceed 16 bits where a CPU without VNNI adds them up (up to 2 · 255 · 127 = 64,770,
    and int16 ends at 32,767): 7 bits of weight, ±64, just fit.
    """
    if machine is Machine.TENSORRT:
        told = "signed and symmetric activations, as TensorRT wants them; biases stay float"
        return Scheme(machine, -127, 127, True, 127, outputs=False, biases=False, reason=told)
    if machine is Machine.ARM:
        told = "signed activations, which ARM's dot products are made for"
        return Scheme(machine, -128, 127, False, 127, outputs=True, biases=True, reason=told)
    if instructions is not None and instructions & VNNI:
        told = "unsigned activations, 8 bits of weight: this CPU has VNNI; one without it may saturate"
        return Scheme(machine, 0, 255, False, 127, outputs=True, biases=True, reason=told)
    why = "is not known to have VNNI" if instructions is None else "has no VNNI"
    told = f"unsigned activations, 7 bits of weight: this CPU {why}, and its sums would saturate with 8"
    return Scheme(machine, 0, 255, False, 64, outputs=True, biases=True, reason=told)


# Flags of CPUs that add up products of 8-bit numbers in 32 bits at once.
VNNI = frozenset(("avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"))
