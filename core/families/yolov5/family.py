"""YOLOv5 checkpoints: recognised by the classes they name."""

from __future__ import annotations

from ...weights.archive import Archive
from ...weights.names import Names
from ...weights.pickled import Record
from ..family import Model
from ..modules import Module
from . import NAME

# The second where the code was installed as a package.
_PACKAGES = ("models.", "yolov5.models.")
_MODELS = frozenset(("Model", "DetectionModel", "SegmentationModel", "ClassificationModel"))


class YoloV5:
    """The family: checkpoints of the yolov5 repository, in release and training form."""

    name = NAME
    names = Names(prefixes=(*_PACKAGES, "utils.activations."))

    def recognise(self, archive: Archive) -> Model | None:
        """The model that the public loader would take: the EMA where there is one."""
        root = archive.root
        checkpoint: dict[object, object] = root if isinstance(root, dict) else {"": root}
        for part in ("ema", "model", ""):
            record = checkpoint.get(part)
            if isinstance(record, Record) and _is_model(record):
                from .model import YoloModel  # with all that describes one, which other files do not need

                return YoloModel(Module(record, "", archive.file.budget), part, checkpoint)
        return None


def _is_model(record: Record) -> bool:
    package, _, kind = record.name.rpartition("yolo.")
    return package in _PACKAGES and kind in _MODELS
