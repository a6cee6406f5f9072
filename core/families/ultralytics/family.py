"""Checkpoints of the ultralytics package: recognised by the classes they name."""

from __future__ import annotations

from ...weights.archive import Archive
from ...weights.pickled import Record
from ..family import Model
from ..modules import Module
from . import NAME
from .names import MODELS, NAMES


class Ultralytics:
    """The family: checkpoints of the ultralytics package, in release and training form."""

    name = NAME
    names = NAMES

    def recognise(self, archive: Archive) -> Model | None:
        """The model that the package would take: the EMA where there is one."""
        root = archive.root
        if not isinstance(root, dict):
            return None
        for part in ("ema", "model"):
            record = root.get(part)
            if isinstance(record, Record) and record.name in MODELS:
                from .model import UltralyticsModel  # with all that describes one, which other files do not need

                return UltralyticsModel(Module(record, "", archive.file.budget), part, root)
        return None
