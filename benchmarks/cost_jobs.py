"""The jobs whose cost is measured, what YOLOv5 is asked for beside them, and the goals they are held to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MIB = 2**20
# What a job may take at most, whatever the network: as much as an interpreter with numpy and a runtime, and 2.2 times
# the FP32 artifact. One copy of the weights is what ONNX Runtime holds, another what it or the file is made from.
_BASE, _COPIES = 130 * MIB, 2.2


@dataclass(frozen=True)
class Cost:
    """One run of one command. `largest`, `together`: as `cost_on.py` tells them, in bytes."""

    seconds: float
    largest: int
    together: int


@dataclass(frozen=True)
class Costs:
    """All runs of one job. `peer`: those of YOLOv5, one after or before each of ours, or none.

    `artifact`: the bytes of the FP32 ONNX file, 0 if none is made.
    """

    ours: Sequence[Cost]
    peer: Sequence[Cost]
    artifact: int


class Goal(Protocol):
    """What a job is held to."""

    def words(self, costs: Costs) -> str:
        """What is to be."""
        ...

    def found(self, costs: Costs) -> float:
        """What is."""
        ...

    def met(self, costs: Costs) -> bool:
        """Whether it is as it is to be."""
        ...


@dataclass(frozen=True)
class Faster:
    """At least so many times as fast as YOLOv5: the median of the pairs."""

    times: float

    def words(self, costs: Costs) -> str:
        return f"≥ {self.times} × as fast as YOLOv5"

    def found(self, costs: Costs) -> float:
        return statistics.median(b.seconds / a.seconds for a, b in zip(costs.ours, costs.peer, strict=True))

    def met(self, costs: Costs) -> bool:
        return self.found(costs) >= self.times


@dataclass(frozen=True)
class Leaner:
    """At most such a part of YOLOv5's memory: the median of the pairs."""

    part: float

    def words(self, costs: Costs) -> str:
        return f"≤ {self.part} × the memory of YOLOv5"

    def found(self, costs: Costs) -> float:
        return statistics.median(a.together / b.together for a, b in zip(costs.ours, costs.peer, strict=True))

    def met(self, costs: Costs) -> bool:
        return self.found(costs) <= self.part


@dataclass(frozen=True)
class Within:
    """At most so many bytes and so many times the FP32 artifact: the median of the runs, in MiB."""

    base: int = _BASE
    copies: float = _COPIES

    def words(self, costs: Costs) -> str:
        return (
            f"≤ {self._most(costs):.0f} MiB = {self.base // MIB} MiB + {self.copies} × {costs.artifact / MIB:.1f} MiB"
        )

    def found(self, costs: Costs) -> float:
        return statistics.median(cost.together for cost in costs.ours) / MIB

    def met(self, costs: Costs) -> bool:
        return self.found(costs) <= self._most(costs)

    def _most(self, costs: Costs) -> float:
        return (self.base + self.copies * costs.artifact) / MIB


@dataclass(frozen=True)
class Job:
    """What is asked of `halfpint COMMAND` with `weights`, and of YOLOv5's `export.py` beside it, if anything."""

    name: str
    weights: str
    command: str
    ours: tuple[str, ...] = ()
    peer: tuple[str, ...] = ()
    goals: tuple[Goal, ...] = ()


_BOTH = ("--precision", "fp32", "fp16")
_ONNX, _FOUR = ("--include", "onnx"), ("--include", "onnx", "torchscript", "--dynamic")
JOBS = (
    Job("yolov5s", "yolov5s", "export", (*_ONNX, *_BOTH), _ONNX, (Faster(3.5), Leaner(0.5), Within())),
    Job("yolov5s-quick", "yolov5s", "export", (*_ONNX, *_BOTH, "--verify", "quick"), _ONNX, (Faster(6),)),
    Job("yolov5s-four", "yolov5s", "export", (*_FOUR, *_BOTH), (*_FOUR, "--simplify"), (Faster(2.5), Leaner(0.8))),
    Job("yolov5x", "yolov5x", "export", (*_ONNX, *_BOTH), _ONNX, (Faster(1.5), Leaner(0.55), Within())),
    Job("yolov5n", "yolov5n", "export", (*_ONNX, *_BOTH), goals=(Within(),)),
    Job("dbnet-r18", "dbnet-r18", "export", (*_ONNX, *_BOTH), goals=(Within(),)),
    Job("dbnet-r50", "dbnet-r50", "export", (*_ONNX, *_BOTH), goals=(Within(),)),
    Job("inspect", "yolov5s", "inspect"),
    Job("estimate", "yolov5s", "estimate"),
)
