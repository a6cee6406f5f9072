"""What we know of each model family, and the registry of all of them: ours, and those that other packages bring."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..errors import WeightsRefused
from ..plugins import plugins
from ..refusal import refusing
from ..weights.archive import Archive, open_archive
from ..weights.folder import weights_file
from ..weights.names import COMMON
from ..weights.tensors import Tensor
from .dbnet.family import DBNetFamily
from .dbnet.seglink import refuse_seglink
from .family import Family, Model
from .ultralytics.family import Ultralytics
from .yolov5.family import YoloV5

ENTRY_POINTS = "halfpint.families"  # the group under which another package names a `Family` class
_OURS: tuple[Family, ...] = (YoloV5(), Ultralytics(), DBNetFamily())


@cache
def families() -> tuple[Family, ...]:
    """All known families: ours first, then those of other packages, by name."""
    return (*_OURS, *plugins(ENTRY_POINTS)[0])


def broken_families() -> tuple[str, ...]:
    """For each family of another package that cannot be used: its name and why."""
    return plugins(ENTRY_POINTS)[1]


def open_weights(path: Path) -> Archive:
    """Open the weights of any known family: a file, or a model's folder. Raises `WeightsRefused`."""
    names = COMMON
    for family in families():
        names |= family.names
    with refusing(what=path.name):
        refuse_seglink(path)
        return open_archive(weights_file(path), names)


def identify(archive: Archive) -> Model:
    """The model in an open weights file. Raises `WeightsRefused` if no family knows it."""
    with refusing(archive.path.name):
        for family in families():
            model = family.recognise(archive)
            if model is not None:
                return model
    known = ", ".join(family.name for family in families())
    raise WeightsRefused(f"{archive.path.name} holds no model of a known family ({known})", _advice(archive.root))


def _advice(root: object) -> str:
    if broken_families():
        return f"not looked at, for they do not load: {'; '.join(broken_families())}"
    if isinstance(root, dict) and root and all(isinstance(value, Tensor) for value in root.values()):
        return "it is a state dict of a network that is not known; of YOLOv5, give the whole checkpoint"
    return "give a checkpoint as the yolov5 repository or the ultralytics package saves it, or a DBNet state dict"
