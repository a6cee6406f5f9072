"""From a checkpoint's modules to the head of a network: the convolutions of each level, and what they tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...errors import WeightsRefused
from ...network.layers import Constant
from ...untrusted import printable
from ..blocks.blocks import Block, Chain, Upsample
from ..blocks.build import block_of, chain, conv_block
from ..blocks.graph import Head
from ..blocks.wiring import MAX_CLASSES, level_strides
from ..folded import linear
from ..modules import Module
from ..yolov5.heads import Classify as Scores
from .build import BUILDERS
from .heads import Angle, Classify, Detect, Edges, Further, Keypoints, Level, Masks, Prototypes, Segment

_MAX_BINS = 1024
_MAX_BIN = 1e6  # strides; neither NaN nor infinity is below it

# By class of head: what its network is for.
TASKS = {
    **dict.fromkeys(("Detect", "v10Detect"), "detect"),
    **dict.fromkeys(("Segment", "Segment26"), "segment"),
    **dict.fromkeys(("Pose", "Pose26"), "pose"),
    **dict.fromkeys(("OBB", "OBB26"), "obb"),
    "Classify": "classify",
}
# Heads that are known by name and not described.
UNSUPPORTED = {
    "RTDETRDecoder": "RT-DETR",
    "WorldDetect": "YOLO-World",
    **dict.fromkeys(("YOLOEDetect", "YOLOESegment", "YOLOESegment26", "LRPCHead"), "YOLOE"),
    "SemanticSegment": "semantic segmentation",
    "Depth": "depth",
}
# Branches beside the one that is described: the other head, and what serves training alone.
ONE_TO_ONE = "one2one_"
TRAINING_ONLY = ("flow_model", "cv4_sigma", "one2one_cv4_sigma")


def is_one_to_one(branch: str) -> bool:
    """Whether a head's branch is one that finds each thing once; it stands beside the one that NMS follows."""
    return branch.startswith(ONE_TO_ONE) and branch not in TRAINING_ONLY


def task_of_head(module: Module) -> str:
    """What a head's network is for. Raises `WeightsRefused` for a head that is not known, or not supported."""
    if module.kind in TASKS:
        return TASKS[module.kind]
    if module.kind in UNSUPPORTED:
        raise WeightsRefused(
            f"this is a network of {UNSUPPORTED[module.kind]} (its head is a {module.kind}), "
            "which is not supported yet",
            "detectors, segmentation, pose, oriented boxes and classifiers of YOLOv8 to YOLO26 are",
        )
    raise WeightsRefused(f"{module}: the head {printable(module.full_kind)} is not known")


def head_from(module: Module, which: str = "") -> Head:
    """The head that a model's last module describes. `which`: what its branches' names begin with, of two.

    Raises `WeightsRefused` for an unknown or incomplete one.
    """
    match task_of_head(module):
        case "segment":
            masks = module.integer("nm", 1, MAX_CLASSES)
            detect = _detect(module, which, Masks(masks), "proto")
            return Segment(detect, _prototypes(module.child("proto"), masks, [level.stride for level in detect.levels]))
        case "pose":
            points, dimensions = module.integers("kpt_shape", 2, 1, MAX_CLASSES)
            if dimensions not in (2, 3):
                raise WeightsRefused(f"{module}: keypoints of {dimensions} dimensions; 2 and 3 are known")
            if module.kind == "Pose26":
                return _detect(module, which, Keypoints(points, dimensions, factor=1, shift=0), "cv4_kpts")
            return _detect(module, which, Keypoints(points, dimensions))
        case "obb":
            if module.integer("ne") != 1:
                raise WeightsRefused(f"{module}: {module.integer('ne')} angles a box; one is known")
            return _detect(module, which, Angle(bounded=module.kind == "OBB"))
        case "classify":
            return _classify(module)
        case _:
            return _detect(module, which, None)


def class_count(module: Module) -> int:
    """The number of classes that a head tells apart. Raises `WeightsRefused` if it does not say."""
    if module.kind == "Classify":
        return module.child("linear").integer("out_features", 1, MAX_CLASSES)
    return module.integer("nc", 1, MAX_CLASSES)


def _detect(module: Module, which: str, further: Further | None, *others: str) -> Detect:
    beside = [name for name in module.children if is_one_to_one(name) or name in TRAINING_ONLY]
    module.only("cv2", "cv3", "dfl", *(("cv4",) if further else ()), *others, *beside)
    classes, bins = class_count(module), module.integer("reg_max", 1, _MAX_BINS)
    counts = [4 * bins, classes, *([further.count] if further else [])]
    names = ("cv2", "cv3", "cv4")[: len(counts)]
    branches = [
        _branch(module.child(f"{which}{name}"), module.children.get(f"{which}{name}_kpts"), count)
        for name, count in zip(names, counts, strict=True)
    ]
    strides = level_strides(module)
    if any(len(branch) != len(strides) for branch in branches):
        raise WeightsRefused(f"{module} has {len(branches[0])} convolutions for {len(strides)} strides")
    for name, count in (("nl", len(strides)), ("no", classes + 4 * bins)):
        if module.integer(name) != count:
            raise WeightsRefused(f"{module}: {name} is {module.integer(name)}, its parts make it {count}")
    levels: list[Level] = []
    for i, stride in enumerate(strides):
        edges, scores, *rest = (branch[i] for branch in branches)
        levels.append(Level(edges, scores, rest[0] if rest else None, stride))
    return Detect(tuple(levels), Edges(_bins(module, bins)), classes, further)


def _branch(module: Module, ends: Module | None, channels: int) -> list[Block]:
    """What one kind of value is computed by, level by level. `ends`: the last convolutions, if they lie elsewhere.

    Raises `WeightsRefused` for another number of channels.
    """
    blocks: list[Block] = []
    lasts = {} if ends is None else ends.children
    for name, child in module.children.items():
        *_, last = child.children.values() or (child,)
        last = lasts.get(name, last)
        if last.kind != "Conv2d" or last.integer("out_channels") != channels:
            raise WeightsRefused(f"{child} does not end in a convolution of {channels} channels")
        block = chain(child, BUILDERS)
        blocks.append(Chain((block, block_of(last, BUILDERS))) if name in lasts else block)
    return blocks


def _bins(module: Module, count: int) -> Constant | None:
    """The distances that edges are told in parts of, as the file has them: 0, 1, 2, …"""
    if count == 1:
        return None
    layer = module.child("dfl").child("conv")
    values: Sequence[float] = layer.required("weight", 1, count, 1, 1).values()
    if not all(math.isfinite(value) and abs(value) <= _MAX_BIN for value in values):
        raise WeightsRefused(f"{layer}: its distances are not finite")
    return Constant(layer.path, (count, 1), tuple(values))


def _prototypes(module: Module, masks: int, strides: Sequence[float]) -> Prototypes:
    """Since YOLO26 (Proto26), all feature maps are fused first; its `semseg` serves training alone."""
    names, coarser = ["cv1", "upsample", "cv2", "cv3"], list[Chain]()
    if module.kind == "Proto26":
        module.only(*names, "feat_refine", "feat_fuse", "semseg")
        names.insert(0, "feat_fuse")
        refined = list(module.child("feat_refine").children.values())
        if len(refined) != len(strides) - 1:
            raise WeightsRefused(f"{module} fuses {len(refined)} feature maps with the first, of {len(strides)}")
        for child, stride in zip(refined, strides[1:], strict=True):
            coarser.append(Chain((block_of(child, BUILDERS), Upsample(int(stride // strides[0])))))
    else:
        module.only(*names)
    blocks = [block_of(module.child(name), BUILDERS) for name in names]
    last = conv_block(module.child("cv3")).conv
    if last.out_channels != masks:
        raise WeightsRefused(f"{module} gives {last.out_channels} prototypes, {masks} were expected")
    return Prototypes(Chain(tuple(blocks)), tuple(coarser))


def _classify(module: Module) -> Classify:
    module.only("conv", "pool", "drop", "linear")
    last = module.child("linear")
    return Classify(Scores(conv_block(module.child("conv")), linear(last).as_conv(last)))
