"""The part of a file that suppresses boxes, on trial: on the file's own answers, and by itself on drawn ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from ..images.probes import small_probes
from ..network.network import Dims, Network
from ..network.result import Detections
from ..network.suppression import COLUMNS, Suppression, rows_of
from ..shapes import InputShape
from ..targets.contract import output_dims
from ..targets.loaded import Loaded, Runner
from .checks.outputs import wrong_form
from .drawn_answers import KINDS, drawn_answer
from .subject import Subject
from .suppression import Suppressed, suppressed

Array = NDArray[Any]

# Images in a batch of drawn answers for a file with dynamic axes, at each of the small sizes in turn: one, several, and
# at one size many.
_BATCHES = ((1, 3), (3, 16), (1, 3))


def raw_names(network: Network) -> tuple[str, ...]:
    """The tensors of a file that hold the network's own outputs."""
    return tuple(output.name for output in network.outputs)


def dims_of(nms: Suppression, batch: int) -> tuple[Dims, ...]:
    """The dimensions of what a file that suppresses gives."""
    return (batch, nms.max_det, COLUMNS), (batch,)


def of_batch(network: Network, nms: Suppression, raw: Sequence[Array], kept: Sequence[Array]) -> Iterator[Suppressed]:
    """What a file keeps, image by image. `raw`: the answer before; `kept`: detections and counts, of the right form."""
    assert isinstance(network.result, Detections)
    detections, counts = kept
    for index, (rows, count) in enumerate(zip(detections, counts, strict=True)):
        one = [output[index : index + 1] for output in raw]
        yield suppressed(network.result.decoder, nms, one, rows, int(count))


def on_drawn_answers(loaded: Loaded, subject: Subject, network: Network, nms: Suppression) -> Iterator[Suppressed]:
    """What the part that suppresses keeps of drawn answers.

    Those of a file with dynamic axes have several sizes and batches. Raises whatever the runtime raises.
    """
    (name,) = raw_names(network)
    tail = loaded.behind(name)
    if tail is None:
        raise ValueError("the format does not name what is within a file")
    for shape, seed in _shapes(subject, network):
        yield from _on_drawn_answer(tail, network, nms, shape, seed)


def _on_drawn_answer(
    tail: Runner, network: Network, nms: Suppression, shape: InputShape, seed: int
) -> Sequence[Suppressed]:
    batch, boxes, _ = (int(dim) for dim in output_dims(network, shape)[0] if isinstance(dim, int))
    answer = drawn_answer(rows_of(network), nms, boxes, shape.size, batch, seed)
    kept = tail.run(answer)
    wrong = wrong_form(kept, dims_of(nms, batch))
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
