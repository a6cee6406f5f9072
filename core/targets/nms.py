"""The options of what files do with a detector's boxes themselves: NMS, and which head they end in."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from ..network.suppression import MOST_DETECTIONS, Ranking, Selection, Suppression
from ..option import Choice, Choices, Decimal, Number, OneOf, Option, Part, Switch, Values

NMS = Option(
    "nms",
    Switch(),
    False,
    Part.RECIPE,
    "the file suppresses boxes itself and gives detections",
    title="NMS in the file",
)
# The defaults are those of YOLOv5's own way to take detections. The screen has the switch alone.
CONFIDENCE = Option(
    "conf",
    Decimal(0.0, 1.0),
    0.25,
    Part.RECIPE,
    "with --nms: boxes of a higher confidence count",
    title="confidence",
    flags=("--conf", "--conf-thres"),
    metavar="C",
    serves=NMS,
    remembered=False,
    shown=False,
)
IOU = Option(
    "iou",
    Decimal(0.0, 1.0),
    0.45,
    Part.RECIPE,
    "with --nms: a box that overlaps a better one by more is suppressed",
    title="IoU",
    flags=("--iou", "--iou-thres"),
    metavar="I",
    serves=NMS,
    remembered=False,
    shown=False,
)
MAX_DET = Option(
    "max_det",
    Number(range(1, MOST_DETECTIONS + 1)),
    300,
    Part.RECIPE,
    "with --nms: detections of an image at most",
    title="detections",
    metavar="N",
    serves=NMS,
    remembered=False,
    shown=False,
)
AGNOSTIC = Option(
    "agnostic",
    Switch(),
    False,
    Part.RECIPE,
    "with --nms: boxes of different classes suppress each other too",
    title="class-agnostic",
    flags=("--agnostic", "--agnostic-nms"),
    serves=NMS,
    remembered=False,
    shown=False,
)
ROWS: tuple[Option[Any], ...] = (NMS, CONFIDENCE, IOU, MAX_DET, AGNOSTIC)


class Head(StrEnum):
    """Of two heads, the one that NMS follows, and the one that finds each thing once."""

    ONE_TO_MANY = "one2many"
    ONE_TO_ONE = "one2one"


def _heads() -> Iterator[Choice[Head]]:
    yield Choice(Head.ONE_TO_MANY, "one2many", "all boxes, for NMS outside or --nms")
    yield Choice(Head.ONE_TO_ONE, "one2one", "each thing once, the best 300")


# The default is the one that the ultralytics package exports by itself since 8.4. The screen leaves it at that.
HEAD = Option(
    "head",
    OneOf(Choices(_heads)),
    Head.ONE_TO_MANY,
    Part.RECIPE,
    "of networks with two heads (YOLOv10, YOLO26): one2many gives all boxes, for NMS; one2one each thing once",
    title="head",
    remembered=False,
    shown=False,
)


def chosen(values: Values) -> Selection | None:
    """What files are asked to do with their boxes."""
    if values[HEAD] is Head.ONE_TO_ONE:
        return Ranking()
    if not values[NMS]:
        return None
    return Suppression(values[CONFIDENCE], values[IOU], values[MAX_DET], values[AGNOSTIC])
