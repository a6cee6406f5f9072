"""What an artifact says of itself, written and read: producer, source, and what YOLOv5's own loader looks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..network.network import Network
from ..network.preparation import Fit, Pixels
from ..network.result import BestClass, Columns, Detections, Layout, Mask, Rows
from ..network.suppression import Ranking, Selection, Suppression
from ..precisions import Precision
from ..precisions.dtype import FLOAT32, DType
from ..shapes import InputShape
from ..text import in_utf8
from ..version import VERSION
from .loaded import Origin

PRODUCER = "halfpint"
# The properties that tell what a file suppresses itself, and that it ranks the boxes of an end-to-end head.
_NMS, _RANKED = "nms", "ranked"


@dataclass(frozen=True)
class Provenance:
    """Where an artifact comes from: the weights file's name and SHA-256."""

    source: str
    sha256: str


def metadata(
    network: Network,
    precision: Precision,
    shape: InputShape,
    provenance: Provenance,
    nms: Selection | None = None,
) -> Mapping[str, str]:
    """The model's properties. `stride` and `names` are spelled as YOLOv5 spells them, for its own loader.

    `preparation` tells what is done to a picture before; `detections`, `map_threshold`, `scores`, `nms`: what is found.
    `nms`: what the file suppresses itself. What is not UTF-8 in the weights file's name is escaped.
    """
    use = {name: value if isinstance(value, str) else json.dumps(value) for name, value in use_of(network, nms).items()}
    return {
        "stride": str(network.stride),
        "names": str(dict(network.names)),
        "producer": f"{PRODUCER} {VERSION}",
        "family": network.family,
        "task": network.task,
        "precision": str(precision),
        "input_size": str(shape),
        "source": in_utf8(provenance.source),
        "source_sha256": provenance.sha256,
        **network.properties(shape),
        **({"end2end": "True"} if isinstance(nms, Ranking) else {}),
        **use,
    }


def use_of(network: Network, nms: Selection | None) -> Mapping[str, Any]:
    """What a program must know to use a file: `preparation` of a picture, and how things are found in the answer."""
    preparation = {"channels": network.channels, "fit": network.fit, **asdict(network.pixels)}
    return {"preparation": preparation, **_found_by(network, nms)}


def _found_by(network: Network, nms: Selection | None) -> Mapping[str, Any]:
    layout = network.layout
    if layout is not None and nms is not None:
        rows = {"rows": _told(layout)} if layout.further else {}
        return {_NMS if isinstance(nms, Suppression) else _RANKED: asdict(nms), **rows}
    match network.result:
        case Mask(threshold=threshold):
            return {"map_threshold": f"{threshold:g}"}
        case Detections(threshold=threshold, iou=iou, most=most) if layout is not None:
            kind = {} if isinstance(layout, Rows) else {"layout": "columns"}
            return {"detections": {**_told(layout), **kind, "confidence": threshold, "iou": iou, "max_det": most}}
        case BestClass(probabilities=True):
            return {"scores": "probabilities"}
        case _:
            return {}


def _told(layout: Layout) -> Mapping[str, Any]:
    """How many values tell what of a box."""
    more: dict[str, Any] = {}
    if isinstance(layout, Columns) and layout.points:
        more["keypoints"] = [layout.points, layout.dimensions]
    if layout.turned:
        more["turned"] = True
    return {"classes": layout.classes, "masks": layout.masks, **more}


def nms_of(properties: Mapping[str, str]) -> Selection | None:
    """What a file says that it does with its boxes. Anybody may have written it: what makes no sense says nothing."""
    try:
        if _RANKED in properties:
            return Ranking.from_text(properties[_RANKED])
        return Suppression.from_text(properties[_NMS]) if _NMS in properties else None
    except ValueError:
        return None


def preparation_in(properties: Mapping[str, str]) -> tuple[int, Fit, Pixels]:
    """How a file says that an image is made of a picture: channels, how it is fitted in, and what its pixels become.

    Anybody may have written it. Raises `KeyError`, `TypeError` or `ValueError` where it does not tell.
    """
    try:
        said = json.loads(properties["preparation"])
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(said, dict):
        raise ValueError("no object")
    mean, divisor = (tuple(map(float, said[name])) for name in ("mean", "divisor"))
    channels = int(said["channels"])
    if channels not in (1, 3) or min(len(mean), len(divisor)) < channels or 0 in divisor:
        raise ValueError(f"{channels} channels")
    return channels, Fit(said["fit"]), Pixels(str(said["order"]), mean, divisor, int(said["pad"]))


def origin_of(properties: Mapping[str, str]) -> Origin:
    """What a file's properties say of where it comes from; anybody may have written them."""
    sizes = properties.get("input_size", "").split("×")
    numbers = len(sizes) == 4 and all(size.isdecimal() and len(size) < 7 for size in sizes)
    shape = InputShape(*map(int, sizes)) if numbers else None
    return Origin(properties.get("source_sha256", ""), shape, properties.get("head", ""))


def torchscript_config(
    network: Network, precision: Precision, shape: InputShape, provenance: Provenance, io: DType
) -> str:
    """The `config.txt` of a TorchScript file, as YOLOv5's own loader reads it, with the properties above."""
    config = {
        **metadata(network, precision, shape, provenance),
        "shape": list(shape.dims),
        "stride": network.stride,
        "names": {str(index): name for index, name in network.names.items()},
        "half_io": io != FLOAT32,
    }
    return json.dumps(config)
