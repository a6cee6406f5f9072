"""The model in a YOLOv5 checkpoint, and the facts that it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import WeightsRefused
from ...network.network import Network
from ...untrusted import printable
from ..blocks.sizes import possible, usual_sizes
from ..family import Facts
from ..modules import Module
from . import NAME
from .network import class_names, network_of, stride_of, task_of

# (depth multiple, width multiple) of the published sizes, as their yamls give them.
_SIZES = {(0.33, 0.25): "n", (0.33, 0.5): "s", (0.67, 0.75): "m", (1.0, 1.0): "l", (1.33, 1.25): "x"}
_SUFFIXES = {"segment": "-seg", "classify": "-cls"}


@dataclass(frozen=True, eq=False)
class YoloModel:
    """A YOLOv5 model in a checkpoint: its modules, the key it was found under, and the whole dict."""

    module: Module
    part: str
    checkpoint: dict[object, object]

    @property
    def tensors(self) -> object:
        return self.module.record

    @property
    def dropped(self) -> Mapping[str, object]:
        return {}

    @property
    def parameters(self) -> int:
        return self.module.parameter_count

    def network(self) -> Network:
        return network_of(self.module)

    def facts(self) -> Facts:
        task = task_of(self.module)
        return Facts(
            family=NAME,
            variant=self._variant(task),
            era=_era({module.kind for module in self.module.walk()}),
            task=task,
            stride=stride_of(self.module),
            channels=self._channels(),
            names=class_names(self.module),
            training_size=self._training_size(),
            sizes=usual_sizes(self._training_size(), stride_of(self.module)),
        )

    def _variant(self, task: str) -> str:
        file = self.module.attribute("yaml_file")
        if isinstance(file, str) and file.endswith((".yaml", ".yml")):
            return printable(file.rpartition(".")[0])
        match self.module.attribute("yaml"):
            case {"depth_multiple": int() | float() as depth, "width_multiple": int() | float() as width}:
                size = _SIZES.get((depth, width))
            case _:
                return "custom"
        if size is None:
            return printable(f"custom (depth {float(depth):g}, width {float(width):g})")
        large = "6" if task != "classify" and stride_of(self.module) == 64 else ""
        return f"yolov5{size}{large}{_SUFFIXES.get(task, '')}"

    def _channels(self) -> int:
        for module in self.module.walk():
            weight = module.tensor("weight")
            if weight is not None and len(weight.shape) == 4:
                # Focus stacks four pixels before its convolution.
                return weight.shape[1] // (4 if module.path == "model.0.conv.conv" else 1)
        raise WeightsRefused(f"{self.module} has no convolution")

    def _training_size(self) -> tuple[int, int] | None:
        match self.checkpoint.get("opt"):
            case {"imgsz": int(size)}:
                height = width = size
            case {"imgsz": [int(height), int(width)] | [int(height), int(width), _]}:
                pass
            case _:
                return None
        return possible(height, width)


def _era(kinds: set[str]) -> str:
    """The versions of the public code whose yamls build such blocks."""
    if "Focus" not in kinds:
        return "v6.0 or later"
    if "BottleneckCSP" not in kinds:
        return "v4.0–v5.0"
    return "v3.0–v3.1" if "Hardswish" in kinds else "v2.0"
