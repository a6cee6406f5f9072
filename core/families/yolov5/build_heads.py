"""From a checkpoint's modules to the head of a network: anchors, strides and the convolutions of each level."""

from __future__ import annotations

from ...errors import WeightsRefused
from ...network.layers import Constant
from ...untrusted import printable
from ..blocks.blocks import Chain, Upsample
from ..blocks.build import BUILDERS, block_of, conv_block
from ..blocks.graph import Head
from ..blocks.wiring import MAX_CLASSES, level_strides
from ..folded import conv, linear
from ..modules import Module
from .heads import Classify, Detect, Level, Segment

_MAX_ANCHOR = 1e6  # px, or strides; neither NaN nor infinity is below it


def head_from(module: Module) -> Head:
    """The head that a model's last module describes. Raises `WeightsRefused` for an unknown or incomplete one."""
    match module.kind:
        case "Detect":
            module.only("m")
            return _detect(module, masks=0)
        case "Segment":
            return _segment(module)
        case "Classify":
            return _classify(module)
        case _:
            raise WeightsRefused(f"{module}: the head {printable(module.full_kind)} is not known")


def class_count(module: Module) -> int:
    """The number of classes that a head tells apart. Raises `WeightsRefused` if it does not say."""
    if module.kind != "Classify":
        return module.integer("nc", 0, MAX_CLASSES)
    if "linear" in module.children:
        return module.child("linear").integer("out_features", 1, MAX_CLASSES)
    return module.child("conv").integer("out_channels", 1, MAX_CLASSES)


def _detect(module: Module, masks: int) -> Detect:
    classes = class_count(module)
    if classes < 1:
        raise WeightsRefused(f"{module} has {classes} classes: it can name nothing that it finds")
    values = 5 + classes + masks
    convs = [conv(child) for child in module.child("m").children.values()]
    strides = level_strides(module)
    anchors = _anchors(module, strides)
    if not len(convs) == len(strides) == len(anchors):
        raise WeightsRefused(f"{module} has {len(convs)} convolutions for {len(strides)} strides")
    for layer, constant in zip(convs, anchors, strict=True):
        if layer.out_channels != constant.shape[1] * values:
            raise WeightsRefused(
                f"{layer.name} gives {layer.out_channels} values a cell; "
                f"{constant.shape[1]} anchors × {values} values ({classes} classes) were expected"
            )
    # What the module counts for itself, and its own code computes with.
    for name, count in (("nl", len(convs)), ("na", anchors[0].shape[1]), ("no", values)):
        if module.integer(name) != count:
            raise WeightsRefused(f"{module}: {name} is {module.integer(name)}, its parts make it {count}")
    levels = (Level(*level) for level in zip(convs, anchors, strides, strict=True))
    return Detect(tuple(levels), values, masks)


def _anchors(module: Module, strides: tuple[float, ...]) -> list[Constant]:
    """Each level's anchors in px, 1×A×2×1. Up to v5.0 they are stored so; later in units of the stride."""
    stored = module.tensor("anchor_grid")
    in_px = stored is not None
    tensor = stored if stored is not None else module.tensor("anchors")
    if tensor is None:
        raise WeightsRefused(f"{module} has no anchors")
    if tensor.shape[:1] != (len(strides),) or tensor.shape[-1:] != (2,) or not 0 < tensor.numel <= 4096:
        raise WeightsRefused(f"{module}: anchors of the shape {tensor.shape} for {len(strides)} levels")
    flat = tensor.values()
    if not all(abs(value) <= _MAX_ANCHOR for value in flat):
        raise WeightsRefused(f"{module}: its anchors are not finite")
    each = len(flat) // len(strides)
    return [
        Constant(
            f"{module.path}.anchors.{i}",
            (1, each // 2, 2, 1),
            tuple(value * (1 if in_px else stride) for value in flat[i * each : (i + 1) * each]),
        )
        for i, stride in enumerate(strides)
    ]


def _segment(module: Module) -> Segment:
    module.only("m", "proto")
    proto = module.child("proto")
    proto.only("cv1", "upsample", "cv2", "cv3")
    enlarge = block_of(proto.child("upsample"), BUILDERS)
    if not isinstance(enlarge, Upsample):
        raise WeightsRefused(f"{proto}: its upsample is none")
    convs = [conv_block(proto.child(name)) for name in ("cv1", "cv2", "cv3")]
    masks = module.integer("nm", 1, MAX_CLASSES)
    if convs[-1].conv.out_channels != masks:
        raise WeightsRefused(f"{proto} gives {convs[-1].conv.out_channels} prototypes, {masks} were expected")
    return Segment(_detect(module, masks), Chain((convs[0], enlarge, *convs[1:])))


def _classify(module: Module) -> Classify:
    if "linear" in module.children:
        module.only("conv", "pool", "drop", "linear")
        last = module.child("linear")
        return Classify(conv_block(module.child("conv")), linear(last).as_conv(last))
    module.only("aap", "conv", "flat")
    return Classify(None, conv(module.child("conv")))
