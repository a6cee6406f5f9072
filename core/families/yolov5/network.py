"""From a YOLOv5 model's modules to its network: the wiring of the layers, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import WeightsRefused
from ...network.layers import Conv2d, layers_of
from ...network.network import Component, Network, Output
from ...network.ops import ShapeMismatch
from ...network.preparation import UNIT_RGB, Fit, Pixels
from ...network.result import BestClass, Result
from ...readings.size_constants import GridConstant, size_constants
from ...refusal import refusing
from ...untrusted import printable
from ...weights.budget import CONNECTIONS, NAMES
from ...weights.tensors import Tensor
from ..modules import Module
from ..sound import TRIED_STRIDES
from .build import block_of, join_of
from .build_heads import class_count, head_from, level_strides
from .decoder import detections
from .graph import Merge, Step, YoloBody, wire
from .heads import Classify, Detect, Head, Segment

# Classifiers are trained on the middle of a picture, less ImageNet's mean and divided by its standard deviation.
_IMAGENET = Pixels("RGB", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_TASKS = {"Detect": "detect", "Segment": "segment", "Classify": "classify"}


def network_of(model: Module) -> Network:
    """The network of a YOLOv5 model. Raises `WeightsRefused` that names the layer it cannot be built from."""
    for _ in model.walk():  # a crafted file may nest without end
        pass
    *modules, last = model.child("model").children.values() or (model,)
    layers: list[Step | Merge] = []
    for index, module in enumerate(modules):
        with refusing(f"layer {index}", module):
            layers.append(_layer(index, module))
    with refusing(f"layer {len(modules)}", last):
        head = head_from(last)
        body = wire(layers, head, _head_sources(len(modules), last, head))
    outputs, components = _answers(body)
    fit, pixels = (Fit.CROP, _IMAGENET) if isinstance(head, Classify) else (Fit.SQUARE, UNIT_RGB)
    network = Network(
        family="yolov5",
        task=task_of(model),
        body=body,
        channels=_input_channels(body),
        stride=stride_of(model),
        outputs=outputs,
        components=components,
        names=class_names(model),
        result=_result(body),
        fit=fit,
        pixels=pixels,
    )
    _check_strides(network, last)
    return network


def head_module(model: Module) -> Module:
    """The last module of the model. Raises `WeightsRefused` if there is none."""
    modules = list(model.child("model").children.values())
    if not modules:
        raise WeightsRefused(f"{model} has no layers")
    return modules[-1]


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
    count = class_count(head_module(model))
    match model.attribute("names"):
        case None:
            given: Mapping[object, object] = {}
        case dict() as given:
            pass
        case list() | tuple() as names:
            given = dict(enumerate(names[:count]))
        case _:
            raise WeightsRefused(f"{model}: names are neither a list nor a dict")
    found = {i: name if isinstance(name := given.get(i), str) else f"class{i}" for i in range(count)}
    model.budget.spend(NAMES, sum(map(len, found.values())))
    return found


def _check_strides(network: Network, head: Module) -> None:
    """Raises `WeightsRefused` if the head's strides, which boxes are scaled by, are not those of its feature maps."""
    match network.body:
        case YoloBody(head=Detect(levels=levels) | Segment(detect=Detect(levels=levels))):
            pass
        case _:
            return
    side = TRIED_STRIDES * network.stride
    try:
        constants = size_constants(network, (1, network.channels, side, side))
    except ShapeMismatch:  # told where the whole network is looked at
        return
    grids = [constant for constant in constants if isinstance(constant, GridConstant)]
    for level, grid in zip(levels, grids, strict=True):
        if grid.rows * level.stride != side or grid.columns * level.stride != side:
            raise WeightsRefused(
                f"{head} says that {level.conv.name} has a stride of {level.stride:g} px; "
                f"an image of {side}×{side} px comes to it as {grid.rows}×{grid.columns} cells"
            )


def _layer(index: int, module: Module) -> Step | Merge:
    sources = _sources(index, module)
    if isinstance(module.attribute("f"), list):
        return Merge(join_of(module, len(sources)), sources)
    return Step(block_of(module), sources[0])


def _sources(index: int, module: Module) -> tuple[int, ...]:
    """Where a layer reads from, as `wire` counts: the image is 0, layer i is i + 1."""
    match module.attribute("f"):
        case int(one) if type(one) is int:
            given = [one]
        case list(several) if several:
            module.budget.spend(CONNECTIONS, len(several))  # many layers may share one long list
            given = [source for source in several if type(source) is int]
            if len(given) < len(several):
                raise WeightsRefused(f"{module} reads layers (f) by something else than numbers")
        case _:
            raise WeightsRefused(f"{module} does not say which layers it reads (f)")
    # Negative: counted back from this layer, as in the yamls.
    sources = tuple(source + 1 if source >= 0 else index + 1 + source for source in given)
    if not all(0 <= source <= index for source in sources):
        raise WeightsRefused(f"{module} reads a layer that does not come before it")
    return sources


def _head_sources(index: int, module: Module, head: Head) -> tuple[int, ...]:
    """The layers that the head reads. Raises `WeightsRefused` if they are not as many as it has inputs."""
    match head:
        case Detect(levels=levels) | Segment(detect=Detect(levels=levels)):
            wanted = len(levels)
        case _:
            wanted = 1
    sources = _sources(index, module)
    if len(sources) != wanted:
        raise WeightsRefused(f"{module} reads {len(sources)} layers, it has {wanted} inputs")
    return sources


def _input_channels(body: YoloBody) -> int:
    for layer in layers_of(body):
        if isinstance(layer, Conv2d):
            return layer.in_channels
    raise WeightsRefused("the model has no convolution")


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


def _result(body: YoloBody) -> Result | None:
    match body.head:
        case (Detect() as detect) | Segment(detect=detect):
            return detections(detect.classes, masks=detect.masks)
        case _:
            return BestClass(0)


def _rows(detect: Detect) -> Output:
    return Output("output0", ("batch", "anchors", detect.values))


def _row_components(detect: Detect) -> tuple[Component, ...]:
    confidences_end = 5 + detect.classes
    masks = (Component("mask weights", 0, confidences_end),) if detect.masks else ()
    return (Component("boxes", 0, 0, 4, "px"), Component("confidences", 0, 4, confidences_end), *masks)
