"""The model in a checkpoint of the ultralytics package, and the facts that it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...network.network import Network
from ...untrusted import printable
from ...weights.pickled import Record
from ..blocks.sizes import possible, usual_sizes
from ..blocks.wiring import head_module
from ..family import Facts
from ..modules import Module
from . import NAME
from .build_heads import TRAINING_ONLY, is_one_to_one
from .network import class_names, network_of, stride_of, task_of

# By block or head that came with a version, newest first.
_ERAS = {
    "A2C2f": "YOLO12",
    "C3k2": "YOLO11",
    "SCDown": "YOLOv10",
    "RepNCSPELAN4": "YOLOv9",
    "C2f": "YOLOv8",
    "C3": "YOLOv5u",
}
_END_TO_END = "end-to-end head (one2one, exported with --head one2one)"
_CLASSIFIED_AT = 224  # px, a side: what classifiers are trained at, if a checkpoint does not say


@dataclass(frozen=True, eq=False)
class UltralyticsModel:
    """A model in a checkpoint: its modules, the key it was found under, and the whole dict."""

    module: Module
    part: str
    checkpoint: dict[object, object]

    @property
    def tensors(self) -> object:
        left_out = tuple(f"{module.path}." for modules in self._left_out().values() for module in modules)
        return [
            tensor
            for module in self.module.walk()
            if not f"{module.path}.".startswith(left_out)
            for tensor in module.own_tensors()
        ]

    @property
    def dropped(self) -> Mapping[str, object]:
        return {what: [module.record for module in modules] for what, modules in self._left_out().items() if modules}

    def _left_out(self) -> Mapping[str, list[Module]]:
        """The branches of the head that are not exported, by what they are."""
        children = head_module(self.module).children
        return {
            _END_TO_END: [m for name, m in children.items() if is_one_to_one(name)],
            "branches that serve training alone": [m for name, m in children.items() if name in TRAINING_ONLY],
        }

    @property
    def parameters(self) -> int:
        return self.module.parameter_count

    def network(self) -> Network:
        return network_of(self.module, self._license())

    def facts(self) -> Facts:
        task, stride = task_of(self.module), stride_of(self.module)
        size = self._training_size()
        return Facts(
            family=NAME,
            variant=self._variant(),
            era=self._era(),
            task=task,
            stride=stride,
            channels=self._channels(),
            names=class_names(self.module),
            training_size=size,
            sizes=usual_sizes(size, stride, _CLASSIFIED_AT) if task == "classify" else usual_sizes(size, stride),
            notes=self._notes(),
        )

    def _variant(self) -> str:
        yaml = self.module.attribute("yaml")
        file = yaml.get("yaml_file") if isinstance(yaml, dict) else None
        if isinstance(file, str) and file.endswith((".yaml", ".yml")):
            return printable(file.replace("\\", "/").rpartition("/")[2].rpartition(".")[0])
        return "custom"

    def _era(self) -> str:
        head = head_module(self.module)
        if head.kind != "v10Detect" and any(map(is_one_to_one, head.children)):
            return "YOLO26"  # whose other blocks are YOLO11's
        kinds = {module.kind for module in self.module.walk()}
        return next((era for kind, era in _ERAS.items() if kind in kinds), "no known version")

    def _channels(self) -> int:
        yaml = self.module.attribute("yaml")
        for key in ("channels", "ch"):
            told = yaml.get(key) if isinstance(yaml, dict) else None
            if type(told) is int and 0 < told < 1 << 16:
                return told
        return 3

    def _arguments(self) -> Mapping[object, object]:
        """The settings of the training, which are a dict or an object with attributes."""
        match self.checkpoint.get("train_args"):
            case dict() as arguments:
                return arguments
            case Record(state=dict() as arguments):
                return arguments
            case _:
                return {}

    def _training_size(self) -> tuple[int, int] | None:
        match self._arguments().get("imgsz"):
            case int(height) if type(height) is int:
                width = height
            case [int(height), int(width)]:
                pass
            case _:
                return None
        return possible(height, width)

    def _license(self) -> Mapping[str, str]:
        told = self.checkpoint.get("license")
        return {"license": printable(told)} if isinstance(told, str) else {}

    def _notes(self) -> Mapping[str, str]:
        version = self.checkpoint.get("version")
        written = {"written by": f"ultralytics {printable(version)}"} if isinstance(version, str) else {}
        one = {"trained as": "one class (single_cls)"} if self._arguments().get("single_cls") is True else {}
        return {**written, **one, **self._license()}
