"""What decides how much memory a job takes, apart from the size of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ..images.probes import too_slow
from ..kinds import Kind
from ..option import NOTHING_GIVEN, Values
from ..options import HALF_IO, VerifyMode
from ..precisions import Precision
from ..precisions.dtype import DType
from ..shapes import InputShape
from ..spec import ExportSpec
from ..targets.nms import NMS
from ..targets.target import Target


@dataclass(frozen=True)
class Workload:
    """The files that a job makes or verifies, in their order, and what it does with them.

    `values`: the options of the recipe. `device`: where the files run: `cpu`, or the index of a GPU.
    """

    kinds: tuple[Kind, ...]
    values: Values = NOTHING_GIVEN
    verify: VerifyMode = VerifyMode.FULL
    device: str = "cpu"

    @classmethod
    def of(cls, spec: ExportSpec) -> Self:
        """What a spec asks for."""
        return cls(spec.kinds, spec.recipe.values, spec.verify, spec.device)

    def io(self, precision: Precision) -> DType:
        """What the files in a precision take and give."""
        return precision.ports(half_io=self.values[HALF_IO])

    def on_gpu(self, kind: Kind) -> bool:
        """Whether a file is tried on the GPU; without a runtime for GPUs, it is tried on the CPU."""
        return self.device != "cpu" and kind.target.uses_gpus

    def suppresses(self, kind: Kind) -> bool:
        """Whether a file suppresses boxes itself."""
        return self.values[NMS] and NMS in kind.target.options

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The precisions of the files, each once, in their order."""
        return tuple(dict.fromkeys(kind.precision for kind in self.kinds))

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of the files, each once, in their order."""
        return tuple(dict.fromkeys(kind.target for kind in self.kinds))

    def tried_at(self, shape: InputShape) -> tuple[Kind, ...]:
        """The files that are tried on images of a shape; the others are tried on small ones alone."""
        if self.verify is VerifyMode.QUICK:
            return self.kinds
        return tuple(kind for kind in self.kinds if not too_slow(kind, shape, self.device))
