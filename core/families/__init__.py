"""What we know of each model family, and the registry of all of them."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsRefused
from ..weights.archive import Archive, open_archive
from ..weights.names import COMMON
from ..weights.tensors import Tensor
from .family import Family, Model
from .yolov5.family import YoloV5

FAMILIES: tuple[Family, ...] = (YoloV5(),)


def open_weights(path: Path) -> Archive:
    """Open a weights file of any known family. Raises `WeightsRefused`."""
    names = COMMON
    for family in FAMILIES:
        names |= family.names
    return open_archive(path, names)


def identify(archive: Archive) -> Model:
    """The model in an open weights file. Raises `WeightsRefused` if no family knows it."""
    for family in FAMILIES:
        model = family.recognise(archive.root)
        if model is not None:
            return model
    known = ", ".join(family.name for family in FAMILIES)
    raise WeightsRefused(f"{archive.path.name} holds no model of a known family ({known})", _advice(archive.root))


def _advice(root: object) -> str:
    if isinstance(root, dict) and root and all(isinstance(value, Tensor) for value in root.values()):
        return "it is a state dict: weights without the modules they belong to; give the whole checkpoint"
    return "give a checkpoint as the yolov5 repository saves it"
