"""Non-maximum suppression as part of a file: what it keeps of a detector's boxes, and what its outputs are called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import BadRequest
from .network import Dims, Network
from .result import Detections, Layout

# The outputs of a file that suppresses: batch×max_det×(6 + further), a row being x1, y1, x2, y2 (px), confidence,
# class, and what else the network tells of a box; the most confident first, zeros behind the last. How many there are
# in each image of the batch. And the network's outputs beside the boxes, as they are.
DETECTIONS, COUNTS = "detections", "counts"
COLUMNS = 6
_PROTOTYPES = "prototypes"


# Of the cells of an image, so many of the best; as many as the ultralytics package takes.
_MOST_RANKED = 300


@dataclass(frozen=True)
class Ranking:
    """What an end-to-end head's boxes are chosen by, which find each thing once: nothing suppresses another one.

    Of an image's cells the `most` with the highest best score, and of these the `most` best pairs of cell and class.
    """

    most: int = _MOST_RANKED

    @classmethod
    def from_text(cls, text: str) -> Ranking:
        """From JSON text. Raises `ValueError` for what is none; anybody may have written it."""
        return cls.of(_json(text))

    @classmethod
    def of(cls, said: Any) -> Ranking:
        """From JSON. Raises `ValueError` for what is none; anybody may have written it."""
        match said:
            case {"most": int(most)} if 0 < most <= MOST_DETECTIONS:
                return cls(most)
            case _:
                raise ValueError("no number of boxes")


@dataclass(frozen=True)
class Suppression:
    """Of the boxes whose confidence is above `confidence`, those that overlap no more confident one by more than `iou`.

    `max_det`: of an image, so many of the most confident. `agnostic`: whether boxes of different classes suppress each
    other too.
    """

    confidence: float
    iou: float
    max_det: int
    agnostic: bool = False

    @classmethod
    def of(cls, said: Any) -> Suppression:
        """From JSON. Raises `ValueError` for what is none; anybody may have written it."""
        match said:
            case {
                "confidence": int() | float() as confidence,
                "iou": int() | float() as iou,
                "max_det": int(max_det),
                "agnostic": bool(agnostic),
            } if 0 <= confidence <= 1 and 0 <= iou <= 1 and 0 < max_det <= MOST_DETECTIONS:
                return cls(float(confidence), float(iou), max_det, agnostic)
            case _:
                raise ValueError("no thresholds of a non-maximum suppression")

    @classmethod
    def from_text(cls, text: str) -> Suppression:
        """From JSON text. Raises `ValueError` as `of` does."""
        return cls.of(_json(text))


def _json(text: str) -> Any:
    """Raises `ValueError`."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


Selection: TypeAlias = Suppression | Ranking  # what a file does with its boxes itself


def selection_of(said: Any) -> Selection:
    """Either of the two from JSON. Raises `ValueError` for what is none."""
    return Ranking.of(said) if isinstance(said, dict) and "most" in said else Suppression.of(said)


MOST_DETECTIONS = 100_000  # of an image; more than the boxes of any size that is usual


def layout_of(network: Network, selection: Selection) -> Layout:
    """How the boxes lie in the answer of a network that a file may select from. Raises `BadRequest` for any other."""
    layout = network.layout
    match selection:
        case Ranking() if layout is not None:
            return layout
        case Suppression() if layout is not None and isinstance(network.result, Detections):
            return layout
        case Suppression():
            why = "NMS is for boxes" if layout is None else "what NMS in a file compares are upright boxes"
            raise BadRequest(f"this is a network of the task {network.task}: {why}", "leave out --nms")
        case Ranking():
            raise BadRequest(f"this is a network of the task {network.task}: no boxes are ranked", "leave out --head")


def selected_dims(network: Network, selection: Selection, batch: int | str | None) -> tuple[Dims, ...]:
    """The dimensions of what a file gives of its boxes. Raises `BadRequest` as `layout_of` does."""
    columns = COLUMNS + layout_of(network, selection).further
    match selection:
        case Suppression(max_det=most):
            return (batch, most, columns), (batch,)
        case Ranking(most=most):
            return ((batch, most, columns),)


def selected_names(network: Network, selection: Selection) -> tuple[str, ...]:
    """What a file calls that, and the network's outputs beside the boxes."""
    match selection:
        case Suppression():
            return (DETECTIONS, COUNTS, *(_PROTOTYPES for _ in network.outputs[1:]))
        case Ranking():  # as the ultralytics package calls them
            return tuple(f"output{index}" for index in range(len(network.outputs)))
