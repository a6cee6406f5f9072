"""The part of a file that suppresses boxes, on trial: on the file's own answers, and by itself on drawn ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.probes import small_probes
from ..network.network import Dims, Network
from ..network.result import Detections
from ..network.suppression import Ranking, Selection, Suppression, layout_of, selected_dims
from ..shapes import InputShape
from ..targets.contract import output_dims
from ..targets.loaded import Loaded, Runner
from .checks.outputs import wrong_form
from .drawn_answers import KINDS, drawn_answer
from .rank import ranked
from .subject import Subject
from .suppression import Suppressed, suppressed

Array = NDArray[Any]

# Images in a batch of drawn answers for a file with dynamic axes, at each of the small sizes in turn: one, several, and
# at one size many.
_BATCHES = ((1, 3), (3, 16), (1, 3))


def raw_names(network: Network) -> tuple[str, ...]:
    """The tensors of a file that hold the network's own outputs."""
    return tuple(output.name for output in network.outputs)


def dims_of(network: Network, nms: Selection, shape: InputShape) -> tuple[Dims, ...]:
    """The dimensions of what a file that suppresses gives for an image of this shape."""
    return *selected_dims(network, nms, shape.batch), *output_dims(network, shape)[1:]


def of_batch(network: Network, nms: Selection, raw: Sequence[Array], kept: Sequence[Array]) -> Iterator[Suppressed]:
    """What a file keeps, image by image. `raw`: the answer before; `kept`: what it gives of its boxes, of the right
    form, and perhaps the network's other outputs.
    """
    others = kept[len(selected_dims(network, nms, len(raw[0]))) :]
    for index in range(len(raw[0])):
        one = [output[index : index + 1] for output in raw]
        found = _of_image(network, nms, one, [output[index] for output in kept])
        other = any(not _same(before[index], now[index]) for before, now in zip(raw[1:], others, strict=False))
        yield replace(found, wrong=found.wrong or "what it gives beside the boxes is another") if other else found


def _of_image(network: Network, nms: Selection, raw: Sequence[Array], kept: Sequence[Array]) -> Suppressed:
    layout = layout_of(network, nms)
    match nms:
        case Suppression():
            assert isinstance(network.result, Detections)
            return suppressed(network.result.decoder, layout, nms, raw, kept[0], int(kept[1]))
        case Ranking():
            return ranked(layout, nms, raw[0], kept[0])


def _same(before: Array, now: Array) -> bool:
    """Whether an output is the same before and after suppression, to the digits of its type."""
    return np.array_equal(before.astype(now.dtype), now)


def on_drawn_answers(loaded: Loaded, subject: Subject, network: Network, nms: Selection) -> Iterator[Suppressed]:
    """What the part that suppresses keeps of drawn answers.

    Those of a file with dynamic axes have several sizes and batches. Raises whatever the runtime raises.
    """
    tail = loaded.behind(raw_names(network)[0])
    if tail is None:
        raise ValueError("the format does not name what is within a file")
    for shape, seed in _shapes(subject, network):
        yield from _on_drawn_answer(tail, network, nms, shape, seed)


def _on_drawn_answer(
    tail: Runner, network: Network, nms: Selection, shape: InputShape, seed: int
) -> Sequence[Suppressed]:
    layout = layout_of(network, nms)
    boxes = output_dims(network, shape)[0][layout.axis]
    assert isinstance(boxes, int)
    drawn_for = nms if isinstance(nms, Suppression) else Suppression(0.25, 0.45, nms.most)
    answer = drawn_answer(layout, drawn_for, boxes, shape.size, shape.batch, seed)
    kept = tail.run(answer)
    wrong = wrong_form(kept, selected_dims(network, nms, shape.batch))
    return (Suppressed(0, 0, 0, wrong),) if wrong else tuple(of_batch(network, nms, (answer,), kept))


def _shapes(subject: Subject, network: Network) -> Iterator[tuple[InputShape, int]]:
    """The images that answers are drawn for, and a seed for each: every kind of answer is among them."""
    for seed in range(0, KINDS, subject.shape.batch):
        yield subject.shape, seed
    if not subject.fixed:
        probes = small_probes(network.channels, network.stride)
        for seed, (probe, batches) in enumerate(zip(probes, _BATCHES, strict=True)):
            for batch in batches:
                yield InputShape(batch, *probe.shape.dims[1:]), seed


def shown(loaded: Loaded, network: Network) -> Runner:
    """A file whose answers before suppression come ahead of what it keeps. Raises whatever the runtime raises."""
    runner = loaded.showing(raw_names(network))
    if runner is None:
        raise ValueError("the format does not name what is within a file")
    return runner
