"""From a YOLOv5 model's modules to its network: the wiring of the layers, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ...errors import WeightsRefused
from ...network.layers import Conv2d, layers_of
from ...network.network import Component, Network, Output
from ...untrusted import printable
from ...weights.tensors import Tensor
from ..modules import Module
from .build import block_of, join_of
from .build_heads import class_count, head_from, level_strides
from .graph import Merge, Step, YoloBody, wire
from .heads import Classify, Detect, Segment

_TASKS = {"Detect": "detect", "Segment": "segment", "Classify": "classify"}


def network_of(model: Module) -> Network:
    """The network of a YOLOv5 model. Raises `WeightsRefused` that names the layer it cannot be built from."""
    for _ in model.walk():  # a crafted file may nest without end
        pass
    *modules, last = model.child("model").children.values() or (model,)
    layers: list[Step | Merge] = []
    for index, module in enumerate(modules):
        with _telling_layer(index):
            layers.append(_layer(index, module))
    with _telling_layer(len(modules)):
        head = head_from(last)
        body = wire(layers, head, _sources(len(modules), last))
    outputs, components = _answers(body)
    return Network(
        family="yolov5",
        task=task_of(model),
        body=body,
        channels=_input_channels(body),
        stride=stride_of(model),
        outputs=outputs,
        components=components,
        names=class_names(model),
    )


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
        raise WeightsRefused(f"the head {printable(head.full_kind)} is not known")
    return _TASKS[head.kind]


def stride_of(model: Module) -> int:
    """The largest stride, px: what height and width must be multiples of."""
    head = head_module(model)
    holder = head if isinstance(head.attribute("stride"), Tensor) else model
    return int(max(level_strides(holder)))


def class_names(model: Module) -> Mapping[int, str]:
    """The classes by index; a class without a name is called `class7`."""
    names = model.attribute("names")
    given = names if isinstance(names, dict) else dict(enumerate(names)) if isinstance(names, list) else {}
    count = class_count(head_module(model))
    if not 0 <= count <= 100_000:
        raise WeightsRefused(f"{model} has {count} classes")
    return {i: name if isinstance(name := given.get(i), str) else f"class{i}" for i in range(count)}


@contextmanager
def _telling_layer(index: int) -> Iterator[None]:
    try:
        yield
    except WeightsRefused as error:
        raise WeightsRefused(f"layer {index}: {error.what}", error.fix) from error


def _layer(index: int, module: Module) -> Step | Merge:
    sources = _sources(index, module)
    if isinstance(module.attribute("f"), list):
        return Merge(join_of(module), sources)
    return Step(block_of(module), sources[0])


def _sources(index: int, module: Module) -> tuple[int, ...]:
    """Where a layer reads from, as `wire` counts: the image is 0, layer i is i + 1."""
    match module.attribute("f"):
        case int(one):
            given = [one]
        case list(several) if several and all(type(source) is int for source in several):
            given = several
        case _:
            raise WeightsRefused(f"{module} does not say which layers it reads (f)")
    # Negative: counted back from this layer, as in the yamls.
    sources = tuple(source + 1 if source >= 0 else index + 1 + source for source in given)
    if not all(0 <= source <= index for source in sources):
        raise WeightsRefused(f"{module} reads a layer that does not come before it")
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


def _rows(detect: Detect) -> Output:
    return Output("output0", ("batch", "anchors", detect.values))


def _row_components(detect: Detect) -> tuple[Component, ...]:
    confidences_end = detect.values - detect.masks
    masks = (Component("mask weights", 0, confidences_end),) if detect.masks else ()
    return (Component("boxes", 0, 0, 4, "px"), Component("confidences", 0, 4, confidences_end), *masks)
