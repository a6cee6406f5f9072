"""Which files are so slow that whoever runs them must know."""

from __future__ import annotations

from ..formats import Format, Kind
from ..precisions import HALF


def slow_on_cpu(kind: Kind) -> bool:
    """Whether its runtime is far slower with it on a CPU than with the reference precision.

    An FP16 TorchScript file takes 40 times as long as an FP32 one (torch 2.13, yolov5s at 640×640: 7.1 s, 0.17 s).
    """
    return kind == Kind(Format.TORCHSCRIPT, HALF)
