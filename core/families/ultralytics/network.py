"""From a model's modules to its network: the wiring of the layers, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...network.network import Component, Network, Output
from ...network.preparation import Fit
from ...network.result import BestClass, Columns, Result
from ...refusal import refusing
from ...shapes import InputShape
from ..blocks.graph import Head
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
from .build import BUILDERS
from .build_heads import ONE_TO_ONE, class_count, head_from, is_one_to_one, task_of_head
from .decoder import detections
from .heads import Angle, Classify, Detect, Further, Keypoints, Masks, Segment

# Every network halves its image so often; a classifier does not say so, and one with a finer map does no less.
_LEAST_STRIDE = 32
_ONE_TO_MANY, _ONE_TO_ONE = "one2many", "one2one"
# What a one-to-one head's outputs are called, as `output0` and `output1` are those of files that rank its boxes.
_INNER = ("cells", "prototypes")


def network_of(model: Module, notes: Mapping[str, str]) -> Network:
    """The network of a model. `notes`: what its files tell beside. Raises `WeightsRefused` that names the layer."""
    for _ in model.walk():  # a crafted file may nest without end
        pass
    task = task_of(model)
    modules = tuple(model.child("model").children.values())
    body, last = body_of(modules, BUILDERS, head_from, _inputs), modules[-1]
    head, detect = body.head, _detector(body.head)
    outputs, components = _classes(class_count(last)) if detect is None else _boxes(detect)
    channels = input_channels(body)
    further = detect.further if detect else None
    network = Network(
        family=NAME,
        task=task,
        body=body,
        channels=channels,
        stride=stride_of(model),
        outputs=outputs,
        components=components,
        names=class_names(model),
        result=_result(detect),
        layout=None if detect is None else _layout(detect),
        fit=Fit.CROP if isinstance(head, Classify) else Fit.SQUARE,
        properties=_Properties(channels, further, "", notes),
    )
    if detect is not None:
        check_strides(network, last, [(f"level {i}", level.stride) for i, level in enumerate(detect.levels)])
    if detect is None or not any(map(is_one_to_one, last.children)):
        return network
    with refusing(f"layer {len(modules) - 1}", last):
        other = replace(
            network,
            body=replace(body, head=head_from(last, ONE_TO_ONE)),
            outputs=tuple(replace(output, name=name) for output, name in zip(outputs, _INNER, strict=False)),
            head=_ONE_TO_ONE,
            properties=_Properties(channels, further, _ONE_TO_ONE, notes),
        )
    return replace(
        network,
        head=_ONE_TO_MANY,
        heads={_ONE_TO_ONE: other},
        properties=_Properties(channels, further, _ONE_TO_MANY, notes),
    )


def task_of(model: Module) -> str:
    """`detect`, `segment`, `pose`, `obb` or `classify`. Raises `WeightsRefused` for a head that is not known."""
    return task_of_head(head_module(model))


def stride_of(model: Module) -> int:
    """What height and width must be multiples of, px."""
    return max(_LEAST_STRIDE, int(max(level_strides(model))))


def class_names(model: Module) -> Mapping[int, str]:
    """The classes by index; a class without a name is called `class7`."""
    return names_of(model, class_count(head_module(model)))


def _detector(head: Head) -> Detect | None:
    match head:
        case (Detect() as detect) | Segment(detect=detect):
            return detect
        case _:
            return None


def _inputs(head: Head) -> int:
    """How many feature maps a head reads."""
    detect = _detector(head)
    return len(detect.levels) if detect else 1


def _classes(count: int) -> tuple[tuple[Output, ...], tuple[Component, ...]]:
    return (Output("output0", ("batch", count)),), (Component("scores", 0),)


def _boxes(detect: Detect) -> tuple[tuple[Output, ...], tuple[Component, ...]]:
    """The outputs, named and laid out as the package's own exports have them, and their components."""
    outputs = [Output("output0", ("batch", detect.values, "anchors"))]
    end = 4 + detect.classes
    components = [Component("boxes", 0, 0, 4, "px", 1), Component("confidences", 0, 4, end, axis=1)]
    match detect.further:
        case Masks(count):
            outputs.append(Output("output1", ("batch", count, "mask_height", "mask_width")))
            components += [Component("mask weights", 0, end, axis=1), Component("prototypes", 1)]
        case Keypoints():
            components.append(Component("keypoints", 0, end, unit="px", axis=1))
        case Angle():
            components.append(Component("angles", 0, end, unit="rad", axis=1))
        case _:
            pass
    return tuple(outputs), tuple(components)


def _result(detect: Detect | None) -> Result | None:
    """What people keep of an answer. Of turned boxes, whose overlap nobody here measures, nothing is said."""
    if detect is None:
        return BestClass(0, probabilities=True)
    return None if isinstance(detect.further, Angle) else detections(detect.classes)


def _layout(detect: Detect) -> Columns:
    match detect.further:
        case Angle(count=count):
            return Columns(detect.classes, angles=count)
        case Masks(count):
            return Columns(detect.classes, masks=count)
        case Keypoints(points, dimensions):
            return Columns(detect.classes, points=points, dimensions=dimensions)
        case _:
            return Columns(detect.classes)


@dataclass(frozen=True, eq=False)
class _Properties:
    """What the package's own loader looks for in a file, and what the checkpoint says of itself.

    `head`: which was taken, where the checkpoint has two.
    """

    channels: int
    further: Further | None
    head: str
    notes: Mapping[str, str]

    def __call__(self, shape: InputShape) -> Mapping[str, str]:
        told = {"batch": str(shape.batch), "imgsz": str([shape.height, shape.width]), "channels": str(self.channels)}
        if self.head:
            told |= {"head": self.head, "end2end": "False"}  # of all boxes: what ranks them says so itself
        if isinstance(self.further, Keypoints):
            told["kpt_shape"] = str([self.further.points, self.further.dimensions])
        return {**told, **self.notes}
