"""One pass over the images through the float32 model: a histogram of each tensor that may be quantised.

No activation outlives its image. Where all that is wanted of one image takes too much at once, it is gathered in
several passes, a part of the tensors in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto, helper

from ....errors import JobFailed
from ...budget import AT_ONCE, Images, Tell, ignored
from ..loaded import LoadedOnnx
from .histogram import Histogram, histogram_of, together

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Gathered:
    """A histogram of each tensor, how many elements it has for the first image, and how many images there were."""

    histograms: Mapping[str, Histogram]
    sizes: Mapping[str, int]
    images: int


def gather(
    model: ModelProto, tensors: Sequence[str], images: Images, at_once: int = AT_ONCE, tell: Tell = ignored
) -> Gathered:
    """A histogram of each tensor over all images.

    `at_once`: bytes of one image's tensors to look at in a pass. `tell` is called after each image. Raises `JobFailed`
    for values that are not finite.
    """
    image = model.graph.input[0].name
    sizes = _sizes(model, [name for name in tensors if name != image], next(images()))
    found, count = dict[str, Histogram](), 0
    for part in _parts(tensors, {**sizes, image: 0}, at_once):
        shown = ModelProto()
        shown.CopyFrom(model)
        del shown.graph.output[:]
        wanted = [name for name in part if name != image]
        shown.graph.output.extend(ValueInfoProto(name=name) for name in wanted)
        loaded = LoadedOnnx(shown.SerializeToString()) if wanted else None
        count = 0
        for pixels in images():
            count += 1
            answers = loaded.run(pixels) if loaded is not None else ()
            values = dict(zip(wanted, answers, strict=True))
            for name in part:
                _add(found, name, values.pop(name, pixels))
            tell(count, 0, f"ranges of image {count}")
        if loaded is not None:
            loaded.close()
    first = next(images()).size
    return Gathered(found, {name: sizes.get(name, first) for name in tensors}, count)


def _add(found: dict[str, Histogram], name: str, values: Array) -> None:
    try:
        new = histogram_of(values)
    except ValueError as error:
        raise JobFailed(
            f"{name} holds {error} on one of the images, also in float32", "look at the images, or at the weights"
        ) from error
    found[name] = together(found[name], new) if name in found else new


def _sizes(model: ModelProto, tensors: Sequence[str], image: Array) -> dict[str, int]:
    """How many elements each tensor has for an image; the model itself counts them, and keeps none."""
    counting = ModelProto()
    counting.CopyFrom(model)
    del counting.graph.output[:]
    for index, name in enumerate(tensors):
        counted = f"halfpint/size/{index}"
        counting.graph.node.append(helper.make_node("Size", [name], [counted]))
        counting.graph.output.append(ValueInfoProto(name=counted))
    if not tensors:
        return {}
    loaded = LoadedOnnx(counting.SerializeToString())
    try:
        return {name: int(np.asarray(n)) for name, n in zip(tensors, loaded.run(image), strict=True)}
    finally:
        loaded.close()


def _parts(tensors: Sequence[str], sizes: Mapping[str, int], at_once: int) -> Iterator[Sequence[str]]:
    part, nbytes = list[str](), 0
    for name in tensors:
        if part and nbytes + 4 * sizes[name] > at_once:
            yield part
            part, nbytes = [], 0
        part.append(name)
        nbytes += 4 * sizes[name]
    yield part
