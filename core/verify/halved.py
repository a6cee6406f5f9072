"""Is a halved ONNX file the FP32 one it was made from? Both answer the same images in ONNX Runtime.

There is no description of such a network, and so no float64 reference: the FP32 file is the yardstick here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..errors import BadRequest
from ..images.synthetic import batch_for
from ..network.result import Mask
from ..precisions import HALF, REFERENCE
from ..shapes import InputShape
from ..targets.loaded import told
from ..targets.onnx.choice import Choice, choice_in, shown
from ..targets.onnx.loaded import LoadedOnnx
from ..targets.onnx.passes.halve import Halved
from ..units import figure
from .checks import check_answers
from .checks.found import Compared
from .compare import by_noise, by_spread, distance
from .decisive import decisive_noise
from .evidence import Evidence, Verdict
from .masks import mask_change
from .report import Distance, MaskChange, Report, Way

Array = NDArray[Any]

_TASKS, _SEEDS = ("any", "text"), (0, 1)  # of the images: shapes and letters, two of each
_THRESHOLD = 0.3  # of a map whose own is not known: DBNet's


def shape_of(model: LoadedOnnx, size: tuple[int, int]) -> InputShape:
    """The shape to try a model at: its own, or where it takes any, one image of `size` (height, width).

    Raises `BadRequest` for a model that does not take one N×C×H×W image.
    """
    try:
        dims = model.contract.input.dims
    except ValueError as error:
        raise BadRequest(f"{error}: only models of one image can be verified, and so changed") from error
    if not model.contract.outputs:
        raise BadRequest("the model has no output: there is nothing to verify it by")
    match dims:
        case (batch, int(channels), height, width):
            free = ((batch, 1), (height, size[0]), (width, size[1]))
            n, h, w = (dim if isinstance(dim, int) else chosen for dim, chosen in free)
            return InputShape(n, channels, h, w)
        case _:
            what = "×".join(map(str, dims))
            raise BadRequest(f"the model's input is {what}, no N×C×H×W image: it cannot be verified here")


def verify_halved(old: LoadedOnnx, halved: Halved, data: bytes, shape: InputShape) -> Report:
    """The report on a halved file. `old`: the FP32 file; `data`: the halved one, serialized.

    Raises `BadRequest` if the FP32 file does not run at the shape.
    """
    start = time.perf_counter()
    images = [batch_for(task, *shape.dims[1:], seed, shape.batch) for task in _TASKS for seed in _SEEDS]
    choice = choice_in(old.model)
    names = [port.name for port in old.contract.outputs]
    before = _before(old, choice, images, shape)
    try:
        onnx.checker.check_model(data, full_check=True)
        new = LoadedOnnx(data)
    except Exception as error:  # the checker and the runtime have exceptions of their own
        return Report(Way.HALVED, (Evidence("loads", Verdict.FAIL, f"the file is refused: {told(error)}"),), (), 0.0)
    checks = [Evidence("loads", Verdict.PASS, "the ONNX checker and ONNX Runtime accept it")]
    masks, largest = list[MaskChange](), None
    try:
        if choice.outputs:
            new = LoadedOnnx(shown(halved.model, choice))
        now = [new.run(image) for image in images]
        if choice.outputs:
            chosen = [i for i, name in enumerate(names) if name in choice.outputs]
            checks.append(_chosen(choice, [[answers[i] for i in chosen] for answers in (*before, *now)]))
            names += choice.sources
            kept = [i for i, name in enumerate(names) if name not in choice.outputs]
            names = [names[i] for i in kept]
            before, now = ([tuple(answers[i] for i in kept) for answers in each] for each in (before, now))
        checks.append(_accuracy(names, now, before))
        for output in range(len(names)):
            pairs = [(answers[output][:1], wanted[output][:1]) for answers, wanted in zip(now, before, strict=True)]
            if all(y.shape == x.shape and _is_map(x, shape) for y, x in pairs):
                masks += _masks(pairs, shape)
        largest = _largest(old.model, halved.tensors, images[-1])
    except Exception as error:  # whatever the runtime raises
        checks.append(Evidence("runs", Verdict.FAIL, f"at {shape}: {told(error)}"))
    checks += check_answers(Way.HALVED, Compared(HALF, changes=tuple(masks), largest=largest))
    return Report(Way.HALVED, tuple(checks), (), time.perf_counter() - start, tuple(masks))


def _before(old: LoadedOnnx, choice: Choice, images: Sequence[Array], shape: InputShape) -> list[tuple[Array, ...]]:
    """The FP32 answers; behind the outputs, what chosen ones are chosen from."""
    with running_as_it_is(shape):
        session = LoadedOnnx(shown(old.model, choice)) if choice.outputs else old
        return [session.run(image) for image in images]


@contextmanager
def running_as_it_is(shape: InputShape) -> Iterator[None]:
    """Run a model before it is changed: one that does not run leaves as `BadRequest`."""
    try:
        yield
    except Exception as error:  # whatever the runtime raises
        what = f"the model as it is does not run at {shape.height}×{shape.width}: {told(error)}"
        raise BadRequest(what, "give the model's own size: --imgsz H W") from error


def _chosen(choice: Choice, answers: Sequence[Sequence[Array]]) -> Evidence:
    """On how many images the same is chosen. `answers`: the chosen outputs by image, in FP32 and then in FP16.

    What differs is judged by what was chosen from: it says which values lie near each other.
    """
    images = len(answers) // 2
    before, now = answers[:images], answers[images:]
    same = sum(map(_same_choice, before, now))
    by = ", ".join(choice.operators)
    return Evidence("choices", Verdict.PASS, f"what {by} choose is the same on {same} of {images} test images")


def _same_choice(before: Sequence[Array], now: Sequence[Array]) -> bool:
    """Whether chosen outputs are as many, and whole numbers among them the same."""
    pairs = list(zip(before, now, strict=True))
    whole = [(x, y) for x, y in pairs if x.dtype.kind in "biu"]
    return all(x.shape == y.shape for x, y in pairs) and all(np.array_equal(x, y) for x, y in whole)


def _accuracy(names: Sequence[str], now: Sequence[Sequence[Array]], before: Sequence[Sequence[Array]]) -> Evidence:
    """How far the FP16 answers are from the FP32 ones, over all images, of the output where they are farthest."""
    if [[y.shape for y in answers] for answers in now] != [[x.shape for x in answers] for answers in before]:
        return Evidence("accuracy", Verdict.FAIL, f"the outputs have other shapes than in {REFERENCE.label}")
    for each, precision in ((before, REFERENCE), (now, HALF)):
        odd = [name for i, name in enumerate(names) if not all(np.isfinite(answers[i]).all() for answers in each)]
        if odd:
            return Evidence(
                "accuracy", Verdict.FAIL, f"{odd[0]} holds values in {precision.label} that are NaN or infinite"
            )
    if not names:
        return Evidence(
            "accuracy", Verdict.WARN, "cannot verify: the model's outputs are choices between whole numbers"
        )
    found: dict[str, Distance] = {}
    for i, name in enumerate(names):
        all_now, all_before = (np.concatenate([answers[i].ravel() for answers in each]) for each in (now, before))
        if _same([answers[i] for answers in before]):
            return Evidence(
                "accuracy", Verdict.WARN, f"cannot verify: {name} is the same for every image that was tried"
            )
        found[name] = distance(all_now, all_before)
    worst = max(found, key=lambda name: found[name].nrmse)
    moved = found[worst].nrmse
    by = f"by {figure(100 * moved)} % of its spread, by {figure(found[worst].largest)} at most"
    return Evidence("accuracy", by_spread(moved), f"{HALF.label} moves {worst} {by}")


def _same(answers: Sequence[Array]) -> bool:
    """Whether FP32 answers to several images differ by no more than rounding: then nothing can be verified by them."""
    first = answers[0]
    return all(y.shape == first.shape and by_noise(distance(y, first).nrmse, 0.0) is Verdict.PASS for y in answers[1:])


def _is_map(output: Array, shape: InputShape) -> bool:
    """Whether an output is a probability for each pixel of an image."""
    same = output.shape == (1, 1, shape.height, shape.width)
    return same and bool(output.min() >= 0 and output.max() <= 1)


def _masks(pairs: Sequence[tuple[Array, Array]], shape: InputShape) -> Iterator[MaskChange]:
    """What becomes of the mask of each image (its map in FP16, and in FP32).

    The yardstick is what FP16 does to the other images: what happens in this one alone is no rounding. (How far it
    moves them all is judged as accuracy.)
    """
    result = Mask(0, _THRESHOLD)
    noises = [decisive_noise(result, [y], [x]) for y, x in pairs]
    for seed, (y, x) in enumerate(pairs):
        others = max(noise for i, noise in enumerate(noises) if i != seed)
        yield mask_change(y, x, _THRESHOLD, others, shape.dims, seed)


def _largest(model: onnx.ModelProto, tensors: Sequence[str], image: Array) -> tuple[str, float]:
    """The tensor of those that become FP16 whose largest magnitude is the largest in FP32, and that magnitude.

    The model itself finds it, so that no inner tensor is kept for it: ONNX Runtime visits what is read last first, and
    so each tensor is looked at right after it was made.
    """
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    made = [name for node in reversed(model.graph.node) for name in node.output]
    tensors = sorted(tensors, key={name: i for i, name in enumerate(made)}.__getitem__)
    for i, name in enumerate(tensors):
        magnitude, largest = f"halfpint/magnitude/{i}", f"halfpint/largest/{i}"
        shown.graph.node.append(onnx.helper.make_node("Abs", [name], [magnitude]))
        shown.graph.node.append(onnx.helper.make_node("ReduceMax", [magnitude], [largest], keepdims=0))
        shown.graph.output.append(onnx.ValueInfoProto(name=largest))
    found = LoadedOnnx(shown.SerializeToString(), optimized=False).run(image)
    return max(zip(tensors, map(float, found), strict=True), key=lambda item: item[1], default=("", 0.0))
