"""The program of `halfpint snippet`: what an artifact tells of itself, put into the parts that lie beside this file."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any

from ..errors import ArtifactRefused
from ..network.preparation import Fit
from ..network.result import LEAST_SIDE, UNCLIP
from ..network.suppression import Ranking, Suppression
from ..precisions import ALL_PRECISIONS, named
from ..precisions.dtype import FLOAT32
from ..targets.artifact_info import ArtifactInfo
from ..targets.provenance import nms_of, origin_of, preparation_in
from ..targets.target import Target
from ..untrusted import printable

MAX_LINES = 60
# A program with more names would be longer than its work: it prints numbers.
_MOST_NAMES = 100
# Of the boxes that a file chose itself, those that count: of an end-to-end head, as the ultralytics package has it.
_WHICH = {Suppression: "outputs[0][0][: int(outputs[1][0])]", Ranking: "outputs[0][0][outputs[0][0, :, 4] > 0.25]"}


@dataclass(frozen=True)
class _Decoding:
    """How a program finds things in an answer: its constants, its part, and a package that it needs for that."""

    constants: Mapping[str, object]
    text: str
    package: str = ""


def program(path: str, target: Target, info: ArtifactInfo) -> str:
    """A program that finds things in pictures with an artifact of ours. `path`: what it is to open.

    Raises `ArtifactRefused` for one that does not tell what a program needs to know.
    """
    said = {name.removeprefix("framework."): value for name, value in info.properties.items()}
    try:
        decoding = _decoding(said)
        prepare, constants = _preparation(said, info)
        names = _names(said["names"])
    except (KeyError, ValueError, TypeError) as error:
        missing = printable(str(error), 60)
        raise ArtifactRefused(
            f"the file does not tell how it is used ({missing})", "export it anew with this version of halfpint"
        ) from error
    if not target.usage:
        raise ArtifactRefused(f"how a program loads {target.label} files is not known")
    packages = sorted(filter(None, ("numpy as np", target.modules[-1], decoding.package)))
    if not decoding.package:
        constants = {"NAMES": names, **constants}
    constants = {"FILE": path, **constants, **decoding.constants}
    parts = (
        '"""Print what is found in pictures: python THIS.py PICTURE …"""\nimport sys\n',
        "\n".join((*(f"import {package}" for package in packages), "from PIL import Image, ImageOps\n")),
        "".join(f"{name} = {value!a}\n" for name, value in constants.items()) + target.usage,
        prepare,
        decoding.text,
        _part("main", mode=_mode(said)),
    )
    return "\n".join(parts)


def _decoding(said: Mapping[str, str]) -> _Decoding:
    """How things are found. Raises `KeyError` or `ValueError` where the file does not tell."""
    selection = nms_of(said)
    if selection is not None:
        told = _object(said.get("rows", '{"masks": 0}'))
        if "turned" in told:
            raise ValueError("turned boxes")
        line, counts = _line(told)
        which = _WHICH[type(selection)]
        return _Decoding(counts, _part("detections", line=line, which=which))
    if "detections" in said:
        return _boxes(_object(said["detections"]))
    if "map_threshold" in said:
        thresholds = (_share(float(said["map_threshold"])), LEAST_SIDE, UNCLIP)
        return _Decoding({"THRESHOLD, LEAST, UNCLIP": thresholds}, _part("regions"), "pyclipper")
    if said["task"] != "classify":
        raise ValueError(f"a network of the task {said['task']}")
    return _Decoding({}, _part("probabilities" if said.get("scores") == "probabilities" else "classes"))


def _boxes(told: Mapping[str, Any]) -> _Decoding:
    """How boxes are found that lie as YOLOv5 lays them out, or as the ultralytics package does."""
    confidence, iou = _share(told["confidence"]), _share(told["iou"])
    line, counts = _line(told)
    match told.get("layout", "rows"):
        case "rows":
            where = {"turned": "", "first": "5", "confidence": "rows[:, 4] * scores.max(1)"}
        case "columns":
            where = {"turned": ".T", "first": "4", "confidence": "scores.max(1)"}
        case _:
            raise ValueError("a layout of boxes that is not known")
    limits = {"CONFIDENCE, IOU": (confidence, iou), "CLASSES, MAX_DET": (int(told["classes"]), int(told["max_det"]))}
    return _Decoding({**limits, **counts}, _part("boxes", line=line, **where))


def _line(told: Mapping[str, Any]) -> tuple[str, Mapping[str, int]]:
    """The lines of the program that print a box with all its values, and the constants they need."""
    if int(told["masks"]):
        return _part("mask_line").rstrip("\n"), {"MASKS": int(told["masks"])}
    if "keypoints" in told:
        points, dimensions = (int(count) for count in told["keypoints"])
        return _part("point_line").rstrip("\n"), {"POINTS": points, "DIMENSIONS": dimensions}
    return _part("box_line").rstrip("\n"), {}


def _preparation(said: Mapping[str, str], info: ArtifactInfo) -> tuple[str, Mapping[str, object]]:
    """How an image is made of a picture, and the constants for that."""
    channels, fit, pixels = preparation_in(said)
    shape = origin_of(said).shape
    if shape is None:
        raise ValueError("it tells no size")
    if fit is Fit.RECT:
        raise ValueError(f"{channels} channels, {fit}")
    mean, divisor = list(pixels.mean[:channels]), list(pixels.divisor[:channels])
    dims = info.inputs[0].dims if info.inputs else ()
    batch = dims[0] if dims and isinstance(dims[0], int) and dims[0] > 1 else 1
    text = _part(
        "prepare",
        choose="max" if fit is Fit.CROP else "min",
        mode=_mode(said),
        pad=str((pixels.pad,) * 3 if channels == 3 else pixels.pad),
        channels=str(channels),
        order="[:, :, ::-1]" if pixels.order == "BGR" else "",
        batch=f"np.repeat(image, {batch}, 0)" if batch > 1 else "image",
        dtype=_dtype(said, info),
    )
    return text, {"HEIGHT, WIDTH": (shape.height, shape.width), "MEAN, DIVISOR": (mean, divisor)}


def _dtype(said: Mapping[str, str], info: ArtifactInfo) -> str:
    """What the file takes, by numpy's name. Raises `KeyError` or `ValueError` where it does not tell."""
    if not info.inputs:
        return named(said["precision"]).io.name if said.get("half_io") == "True" else FLOAT32.name
    dtype = info.inputs[0].dtype
    if dtype not in {precision.io.name for precision in ALL_PRECISIONS}:
        raise ValueError(f"an input of {dtype}")
    return dtype


def _mode(said: Mapping[str, str]) -> str:
    """What Pillow calls the picture's colours."""
    return "L" if int(_object(said["preparation"])["channels"]) == 1 else "RGB"


def _names(said: str) -> list[str] | range:
    """The classes, from the dict that YOLOv5's loader reads: in Python's spelling, with numbers as keys or as texts."""
    try:
        names = ast.literal_eval(said)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("names that are none") from error
    if not isinstance(names, dict):
        raise ValueError("names that are none")
    found = [str(name) for name in names.values()]
    return found if len(found) <= _MOST_NAMES else range(len(found))


def _object(text: str) -> dict[str, Any]:
    """A JSON object. Raises `ValueError` for anything else."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _share(value: Any) -> float:
    if not 0 <= value <= 1:
        raise ValueError("no share")
    return float(value)


def _part(name: str, **values: str) -> str:
    """A part of a program, with values in the place of `$name`."""
    text = resources.files(f"{__package__}").joinpath("parts", f"{name}.txt").read_text("utf-8")
    return Template(text).substitute(values)
