"""Hold an artifact against the reference precision on images of the user: both answer the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import BadRequest, HalfpintError
from ..images.source import ImageSource, PreparedImage, evenly
from ..limits import ran_out_of_memory
from ..network.network import Network
from ..network.preparation import Preparation
from ..network.result import BestClass, Boxes, Detections, Mask
from ..precisions import REFERENCE, Precision
from ..shapes import InputShape
from ..targets.budget import Tell, ignored
from ..targets.contract import output_dims
from ..targets.loaded import Runner, told
from ..verify.checks.outputs import wrong_form
from ..verify.proof import Loss, Proof, Reach
from .classes import ClassFinder
from .detections import DetectionFinder
from .marks import Album
from .regions import RegionFinder
from .rows import Rows
from .silhouettes import MaskFinder
from .tally import Counted, Finder, Tally

Array = NDArray[Any]
# The reference's answer to an image; and by precision, how far values go there that it holds in a narrow type.
Answer: TypeAlias = Callable[[Array], tuple[Sequence[Array], Mapping[Precision, tuple[str, float]]]]
OnImage: TypeAlias = Tell  # called after each image, with its name


class WrongAnswer(Exception):
    """An artifact does not answer an image as it promises; the message says how."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An image that the reference has seen. `number`: which one of the path's it is. `finds`, `labels`: where the rows
    are that tell what it finds there, and what is really there, if that is known. `masks`: where the bytes are of the
    masks of what it finds.
    """

    number: int
    name: str
    finds: range
    labels: range | None
    masks: range | None


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What the reference finds in a user's images: an artifact is held against it, image by image.

    `against`: what answered. `notes`: what the user should know of the images. `reach`: by precision, how far the
    network's values go that a narrow type would have to hold.
    """

    network: Network
    images: ImageSource
    preparation: Preparation
    against: str
    seen: tuple[Seen, ...]
    notes: tuple[str, ...]
    reach: Mapping[Precision, Reach]
    _finds: Rows
    _labels: Rows
    _masks: Rows

    @property
    def finder(self) -> Finder:
        return finder_of(self.network)

    def tally(self) -> Tally:
        """Begin to count."""
        return self.finder.tally(self.network, labelled=any(seen.labels is not None for seen in self.seen))

    def finds(self, index: int) -> Array:
        """What the reference finds in an image."""
        return self._finds.at(self.seen[index].finds)

    def masks(self, index: int) -> Array:
        """The masks of what the reference finds in an image, as `MaskFinder` packs them."""
        place = self.seen[index].masks
        return self._masks.at(place)[:, 0] if place is not None else np.zeros(0, np.uint8)

    def labels(self, index: int) -> Boxes | None:
        """What is really there, if that is known."""
        place = self.seen[index].labels
        if place is None:
            return None
        rows = self._labels.at(place)
        return Boxes(rows[:, :4].astype(np.float64), rows[:, 4].astype(np.int64))


def finder_of(network: Network) -> Finder:
    """What takes from a network's answers what a person takes. Raises `BadRequest` where that is not known."""
    match network.result:
        case Detections() as result:
            return DetectionFinder(result)
        case Mask() as result:
            return RegionFinder(result)
        case BestClass() as result:
            return ClassFinder(result)
        case None:
            what = f"what people take from the answers of {network.family} {network.task} networks is not known"
            raise BadRequest(f"{what}: images prove nothing", "leave out --data")


def mask_finder_of(network: Network) -> MaskFinder | None:
    """What takes the masks of detections from a network's answers; None where there are none."""
    layout = network.layout
    if isinstance(network.result, Detections) and layout is not None and layout.masks:
        return MaskFinder(network.result, layout)
    return None


def yardstick(
    answer: Answer,
    images: ImageSource,
    network: Network,
    size: tuple[int, int],
    against: str,
    on_image: OnImage = ignored,
) -> Yardstick:
    """Have the reference answer the images at a height and width, px. Raises what its runtime raises."""
    preparation, finder = network.preparation(*size), finder_of(network)
    seen, strange = list[Seen](), set[int]()
    finds, known, packed, masks = Rows(finder.width), Rows(5), Rows(1, np.uint8), mask_finder_of(network)
    reach = dict[Precision, Reach]()
    for image in images.stream(preparation):
        outputs, largest = answer(image.pixels)
        found = finds.add(finder.finds(outputs))
        shapes = None
        if masks is not None:
            shapes = packed.add(masks.masks(outputs, finds.at(found), size)[:, None])
        labels, unknown = _known(image.labels, network)
        strange |= unknown
        there = None if labels is None else known.add(np.column_stack((labels.corners, labels.classes)))
        seen.append(Seen(image.number, image.name, found, there, shapes))
        for precision, each in largest.items():
            reach[precision] = _further(reach.get(precision), Reach(image.name, *each))
        on_image(len(seen), images.count, image.name)
    notes = images.notes
    if strange:
        listed = ", ".join(map(str, sorted(strange)[:5]))
        notes = (*notes, f"the labels name classes that the network does not have ({listed}): these are left out")
    return Yardstick(network, images, preparation, against, tuple(seen), notes, reach, finds, known, packed)


def prove(
    candidate: Runner,
    by: Yardstick,
    most: float,
    batch: int = 1,
    few: int | None = None,
    precision: Precision = REFERENCE,
    album: Album | None = None,
    on_image: OnImage = ignored,
) -> Proof:
    """The proof of an artifact. `most`: the loss that is allowed, in points. `batch`: of how many images a run is.

    `few`: how many images to try, where all would take too long. `precision`: the artifact's own. `album`: keeps
    the images that are most worth looking at. It never raises for a wrong artifact: the proof says it. What a sandbox
    refuses, it lets through.
    """
    chosen = range(len(by.seen)) if few is None else evenly(len(by.seen), few)
    try:
        counted, wrong = _counted(candidate, by, chosen, batch, album, on_image), ""
    except WrongAnswer as error:
        counted, wrong = None, str(error)
    return Proof(
        source=str(by.images.path),
        images=len(chosen),
        broken=len(by.images.broken),
        labelled=sum(by.seen[index].labels is not None for index in chosen),
        preparation=by.preparation.name,
        against=by.against,
        what=by.finder.what,
        threshold=by.finder.threshold,
        expected=counted.expected if counted else 0,
        kept=counted.kept if counted else 0,
        new=counted.new if counted else 0,
        loss=counted.loss if counted else None,
        iou=counted.iou if counted else None,
        confidence=counted.confidence if counted else None,
        classes=counted.classes if counted else (),
        most=most,
        masks=counted.masks if counted else None,
        wrong=wrong,
        notes=by.notes if few is None else (*by.notes, f"only {len(chosen)} images: it is slow on a CPU"),
        reach=by.reach.get(precision),
    )


def loss_of(candidate: Runner, by: Yardstick, batch: int = 1) -> Loss:
    """What an artifact loses on the images; all of the score, if it does not answer as it promises."""
    try:
        return _counted(candidate, by, range(len(by.seen)), batch).loss
    except WrongAnswer:
        itself = by.tally()
        for index in range(len(by.seen)):
            itself.add(by.finds(index), by.finds(index), by.labels(index))
        return replace(itself.counted().loss, found=0.0)


def _further(one: Reach | None, other: Reach) -> Reach:
    """That of two which goes further; what is no number goes furthest."""
    return other if one is None or not other.magnitude <= one.magnitude else one


def _counted(
    candidate: Runner,
    by: Yardstick,
    chosen: Sequence[int],
    batch: int,
    album: Album | None = None,
    on_image: OnImage = ignored,
) -> Counted:
    """Raises `WrongAnswer`."""
    finder, tally = by.finder, by.tally()
    masks, shapes, size = mask_finder_of(by.network), None, (by.preparation.height, by.preparation.width)
    images = by.images.of([by.seen[index].number for index in chosen]).stream(by.preparation)
    each = answered(candidate, images, by.network, batch)
    done = 0
    for index, (image, outputs) in zip(chosen, each, strict=False):
        if image.name != by.seen[index].name:
            break
        wanted, got = by.finds(index), finder.finds(outputs).astype(np.float32)
        tally.add(wanted, got, by.labels(index))
        if masks is not None:
            shapes = shapes or masks.tally(size, outputs[1].shape[2:])
            shapes.add((wanted, by.masks(index)), (got, masks.masks(outputs, got, size)))
        if album is not None:
            album.add(index, finder.marks(wanted, got, by.network.names))
        done += 1
        on_image(done, len(chosen), image.name)
    if done < len(chosen):
        raise BadRequest(f"the images of {by.images.path} changed meanwhile", "start again")
    return replace(tally.counted(), masks=shapes.drift() if shapes is not None else None)


def answered(
    candidate: Runner, images: Iterable[PreparedImage], network: Network, batch: int
) -> Iterator[tuple[PreparedImage, Sequence[Array]]]:
    """Each image and the answer to it alone, from runs of whole batches: the last one is filled up. Raises
    `WrongAnswer`.
    """
    waiting: list[PreparedImage] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == batch:
            yield from _run(candidate, waiting, network, batch)
            waiting = []
    if waiting:
        yield from _run(candidate, waiting, network, batch)


def _run(
    candidate: Runner, images: Sequence[PreparedImage], network: Network, batch: int
) -> Iterator[tuple[PreparedImage, Sequence[Array]]]:
    filled = [*images, *[images[-1]] * (batch - len(images))]
    pixels = filled[0].pixels if batch == 1 else np.concatenate([image.pixels for image in filled])
    try:
        outputs = candidate.run(pixels)
    except HalfpintError:
        raise
    except Exception as error:  # whatever a runtime raises, the file does not do what it promises
        if ran_out_of_memory(error):
            raise MemoryError from error
        raise WrongAnswer(f"at {images[0].name}: {told(error)}") from error
    wrong = wrong_form(outputs, output_dims(network, InputShape(*pixels.shape)))
    if wrong:
        raise WrongAnswer(f"at {images[0].name}: {wrong}")
    for index, image in enumerate(images):
        yield image, [output[index : index + 1] for output in outputs]


def _known(labels: Boxes | None, network: Network) -> tuple[Boxes | None, set[int]]:
    """The labels of classes that the network has, and the numbers of the others."""
    if labels is None:
        return None, set()
    known = np.isin(labels.classes, list(network.names))
    strange = set(labels.classes[~known].tolist())
    return (Boxes(labels.corners[known], labels.classes[known]) if known.any() or not strange else None), strange
