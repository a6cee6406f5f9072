"""Quantise an .onnx file that is there already: read, quantise on the user's images, publish, as an export does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import BadRequest, JobFailed
from ..foreign.allowances import START, Load, quantising, reading
from ..foreign.opened import ForeignFile
from ..images.source import ImageSource, open_images
from ..network.preparation import Fit, Pixels, Preparation
from ..precisions import INT8
from ..publication.draft import taken
from ..shapes import InputShape
from ..targets.provenance import preparation_in
from ..untrusted import printable
from ..verify.evidence import Evidence
from .changed_file import check_memory, making_sense, origin_for, publish, refusing

OnStep: TypeAlias = Callable[[int, int, str], None]  # so many of so many steps are done, and what the last one was

_MOST_PIXELS = 512 * 2**20  # bytes of all images together: they are held while a file is made on them
_LINE = 300  # characters of a line about the file
_LEAST_IMAGES = 2  # one to make a file on, one to judge it on


@dataclass(frozen=True)
class Request:
    """What to make, and of what. `size`: height and width for a model that takes any. `data`, `count`: the images,
    of which there need to be none if ranges are found as it runs (`dynamic`).

    `pixels`: what they become, None where the file is to tell, or else RGB from 0 to 1. `most`: points that may be
    lost. `machine`: what the file is to run on. `report`: where the table of layers goes.
    """

    source: Path
    target: Path
    size: tuple[int, int]
    data: Path | None
    count: int
    pixels: Pixels | None
    most: float
    machine: str
    dynamic: bool = False
    report: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class QuantisedFile:
    """A published INT8 file: its bytes, those of the FP32 file, and the lines about it.

    `told`: the trade, line by line. `units`: what a point of its loss is. `preparation`: of the pictures, in words.
    """

    nbytes_before: int
    nbytes: int
    told: tuple[str, ...]
    units: tuple[str, ...]
    preparation: str
    images: int
    checks: tuple[Evidence, ...]


def quantise_file(asked: Request, on_step: OnStep) -> QuantisedFile:
    """Write the INT8 file of an FP32 ONNX file, which is read, quantised and run in a sandbox.

    Raises `BadRequest` for a file that is missing or has nothing to quantise, images of which none can be used, or a
    target that exists; `ArtifactRefused` for what is no ONNX model, does not run or goes beyond what it may take;
    `WillNotFit` if memory would not do; `JobFailed` if no file keeps the budget.
    """
    if not asked.source.exists():
        raise BadRequest(f"{asked.source} does not exist", "check the path")
    for path in filter(None, (asked.target, asked.report)):
        if path.exists() and not asked.overwrite:
            raise taken(path)
    images = open_images(asked.data, asked.count) if asked.data is not None else None
    if images is None and not asked.dynamic:
        what = f"{INT8.label} needs images such as the model will see: ranges that are taken from noise find nothing"
        raise BadRequest(what, "give some with --data, or --int8-dynamic, which needs none")
    if images is not None and images.count < _LEAST_IMAGES:
        raise BadRequest("one image is too few: a file is made on some and judged on others", "give more images")
    with ForeignFile(asked.source) as file:
        file.looked()
        file.started()
        with refusing(file, "quantised"), making_sense("quantised"):
            preparation, allowance, limit = _begun(file, asked)
            count = _sent(file, images, preparation) if images is not None else 0
            done, data = _stepped(file, allowance, limit, on_step)
            told = tuple(printable(str(line), _LINE) for line in done["told"])
            units = tuple(printable(str(unit), _LINE) for unit in done["units"])
            checks = tuple(Evidence.of(check) for check in done["checks"])
            layers = str(done["csv"])
        if asked.report is not None:
            _report(asked.report, layers)
        publish(asked.source, asked.target, data, "", overwrite=asked.overwrite)
        return QuantisedFile(file.nbytes, len(data), told, units, preparation.name, count, checks)


def _begun(file: ForeignFile, asked: Request) -> tuple[Preparation, Any, int]:
    """How pictures are prepared for it; what each step may take, and how large the file may become."""
    origin = origin_for(file, "quantised")
    file.sandbox.ask("start_quantising", "starting", START)
    needs, _ = file.sandbox.ask("needs", "weighing it", reading(file.nbytes), size=asked.size)
    load, least = Load(int(needs["peak"]), int(needs["products"])), int(needs["least"])
    check_memory(least, load)
    allowance = quantising(file.nbytes, load)
    said, _ = file.sandbox.ask(
        "quantise",
        "reading it",
        allowance,
        size=asked.size,
        most=asked.most,
        machine=asked.machine,
        dynamic=asked.dynamic,
        origin=origin,
    )
    shape = InputShape(*map(int, said["shape"]))
    properties = {str(name): str(value) for name, value in said["properties"].items()}
    prepared = _preparation(shape, str(said["dtype"]), properties, asked.pixels)
    return prepared, allowance, 2 * max(file.nbytes, least) + 2**20


def _preparation(shape: InputShape, dtype: str, properties: Mapping[str, str], pixels: Pixels | None) -> Preparation:
    """How a picture becomes an image of the model's. Raises `BadRequest` for an input that no picture fills."""
    fit, own = Fit.SQUARE, Pixels()
    if properties:
        with suppress(KeyError, TypeError, ValueError):
            _, fit, own = preparation_in(properties)
    fit = Fit.SQUARE if fit is Fit.RECT else fit  # one size is tried
    if shape.channels not in (1, 3):
        raise BadRequest(f"the model's input has {shape.channels} channels, and pictures have 1 or 3")
    if dtype not in ("float32", "float64", "uint8"):
        raise BadRequest(f"the model's input is {dtype}: pictures are given as float32 or uint8")
    if dtype == "uint8" and pixels is not None:
        raise BadRequest("the model takes bytes, and scales them itself", "leave out --mean, --std and --bgr")
    return Preparation(shape.channels, shape.height, shape.width, 1, fit, pixels or own)


def _sent(file: ForeignFile, images: ImageSource, preparation: Preparation) -> int:
    """Give the sandbox the images, as many as all may take; how many these are."""
    pixels = preparation.pixels
    nbytes = preparation.channels * preparation.height * preparation.width
    bare = replace(preparation, pixels=replace(pixels, mean=(0.0,) * 3, divisor=(1.0,) * 3))
    if (most := max(_LEAST_IMAGES, _MOST_PIXELS // nbytes)) < images.count:
        images = images.only(slice(None, None, -(-images.count // most)))
    mean, divisor = (list(each[: preparation.channels]) for each in (pixels.mean, pixels.divisor))
    count = 0
    for image in images.stream(bare):
        levels = image.pixels.astype(np.uint8)
        file.sandbox.ask("image", "taking an image", reading(nbytes), [levels], mean=mean, divisor=divisor)
        count += 1
    if count < _LEAST_IMAGES:
        name, why = next(iter(images.broken.items()), ("one", "there are no more"))
        raise BadRequest(f"only {count} of the pictures can be used; {name}: {why}", "give --data other pictures")
    return count


def _stepped(file: ForeignFile, allowance: Any, limit: int, on_step: OnStep) -> tuple[Mapping[str, Any], bytes]:
    """Have it go step by step: what is said of the INT8 file, and its bytes."""
    while True:
        said, arrays = file.sandbox.ask("more", "quantising it", allowance, limit=limit)
        if "done" in said:
            (data,) = arrays
            return said["done"], data.tobytes()
        done, total, text = said["step"]
        on_step(int(done), int(total), printable(str(text)))


def _report(path: Path, text: str) -> None:
    """Raises `JobFailed` if it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise JobFailed(f"{path} cannot be written: {error.strerror}", "give --int8-report another place") from error
