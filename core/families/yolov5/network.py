"""From a YOLOv5 model's modules to its network: the wiring of the layers, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import WeightsRefused
from ...network.network import Component, Network, Output
from ...network.preparation import UNIT_RGB, Fit, Pixels
from ...network.result import BestClass, Result, Rows
from ...untrusted import printable
from ...weights.tensors import Tensor
from ..blocks.build import BUILDERS
from ..blocks.graph import Head, YoloBody
from ..blocks.wiring import (
    body_of,
    check_strides,
    head_module,
    input_channels,
    level_strides,
    names_of,
)
from ..modules import Module
from . import NAME
from .build_heads import class_count, head_from
from .decoder import detections
from .heads import Classify, Detect, Segment

# Classifiers are trained on the middle of a picture, less ImageNet's mean and divided by its standard deviation.
_IMAGENET = Pixels("RGB", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_TASKS = {"Detect": "detect", "Segment": "segment", "Classify": "classify"}


def network_of(model: Module) -> Network:
    """The network of a YOLOv5 model. Raises `WeightsRefused` that names the layer it cannot be built from."""
    for _ in model.walk():  # a crafted file may nest without end
        pass
    modules = tuple(model.child("model").children.values()) or (model,)
    body = body_of(modules, BUILDERS, head_from, _inputs)
    head = body.head
    outputs, components = _answers(body)
    fit, pixels = (Fit.CROP, _IMAGENET) if isinstance(head, Classify) else (Fit.SQUARE, UNIT_RGB)
    network = Network(
        family=NAME,
        task=task_of(model),
        body=body,
        channels=input_channels(body),
        stride=stride_of(model),
        outputs=outputs,
        components=components,
        names=class_names(model),
        result=_result(body),
        layout=_layout(body),
        fit=fit,
        pixels=pixels,
    )
    if isinstance(head, Detect | Segment):
        levels = head.levels if isinstance(head, Detect) else head.detect.levels
        check_strides(network, modules[-1], [(level.conv.name, level.stride) for level in levels])
    return network


def task_of(model: Module) -> str:
    """`detect`, `segment` or `classify`. Raises `WeightsRefused` for a head that is not known."""
    head = head_module(model)
    if head.kind not in _TASKS:
        raise WeightsRefused(f"{head}: the head {printable(head.full_kind)} is not known")
    return _TASKS[head.kind]


def stride_of(model: Module) -> int:
    """The largest stride, px: what height and width must be multiples of."""
    head = head_module(model)
    holder = head if isinstance(head.attribute("stride"), Tensor) else model
    return int(max(level_strides(holder)))


def class_names(model: Module) -> Mapping[int, str]:
    """The classes by index; a class without a name is called `class7`."""
    return names_of(model, class_count(head_module(model)))


def _inputs(head: Head) -> int:
    """How many feature maps a head reads."""
    match head:
        case Detect(levels=levels) | Segment(detect=Detect(levels=levels)):
            return len(levels)
        case _:
            return 1


def _answers(body: YoloBody) -> tuple[tuple[Output, ...], tuple[Component, ...]]:
    """The outputs, named as YOLOv5's own exports name them, and their components."""
    match body.head:
        case Detect() as detect:
            return (_rows(detect),), _row_components(detect)
        case Segment(detect=detect):
            prototypes = Output("output1", ("batch", detect.masks, "mask_height", "mask_width"))
            return (_rows(detect), prototypes), (*_row_components(detect), Component("prototypes", 1))
        case Classify(linear=linear):
            return (Output("output0", ("batch", linear.out_channels)),), (Component("scores", 0),)
        case _:
            raise WeightsRefused("the head is not known")


def _result(body: YoloBody) -> Result:
    layout = _layout(body)
    return BestClass(0) if layout is None else detections(layout.classes)


def _layout(body: YoloBody) -> Rows | None:
    match body.head:
        case (Detect() as detect) | Segment(detect=detect):
            return Rows(detect.classes, detect.masks)
        case _:
            return None


def _rows(detect: Detect) -> Output:
    return Output("output0", ("batch", "anchors", detect.values))


def _row_components(detect: Detect) -> tuple[Component, ...]:
    confidences_end = 5 + detect.classes
    masks = (Component("mask weights", 0, confidences_end),) if detect.masks else ()
    return (Component("boxes", 0, 0, 4, "px"), Component("confidences", 0, 4, confidences_end), *masks)
