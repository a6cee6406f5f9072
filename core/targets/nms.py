"""The options of files that suppress boxes themselves, for the targets that have such files."""

from __future__ import annotations

from typing import Any

from ..network.suppression import MOST_DETECTIONS, Suppression
from ..option import Decimal, Number, Option, Part, Switch, Values

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


def chosen(values: Values) -> Suppression | None:
    """What files are asked to suppress themselves."""
    if not values[NMS]:
        return None
    return Suppression(values[CONFIDENCE], values[IOU], values[MAX_DET], values[AGNOSTIC])
