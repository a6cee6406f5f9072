"""The proof of a job's artifacts on the user's own images: what the reference finds there, found once for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadRequest
from ..events import Note, Progress
from ..images.source import ImageSource, open_images
from ..options import DATA, IMAGES, MAX_LOSS
from ..proof.expected import Expected
from ..proof.marks import Album
from ..proof.pictures import pictures
from ..proof.prove import OnImage, Yardstick, finder_of
from ..proof.trial import prove_on_trial
from ..proof.twin import seen_by_twin
from ..publication.draft import Draft
from ..spec import ExportSpec
from ..targets.budget import Budget, Examples
from ..targets.loaded import Runner
from ..verify.divergence import divergence
from ..verify.trial import Trial
from .order import Order
from .source import LoadedWeights
from .stages import Emit, stage

Array = NDArray[Any]


def images_of(spec: ExportSpec) -> ImageSource | None:
    """The images that a job is given, if any. Raises `BadRequest` if none of them can be used."""
    recipe = spec.recipe
    return open_images(Path(recipe[DATA]), recipe[IMAGES]) if recipe[DATA] else None


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture that has no name yet. `image`: the user's image that it shows."""

    draft: Draft
    image: str


class Prover:
    """Holds every artifact of a job against the reference, if there are images."""

    def __init__(self, spec: ExportSpec, loaded: LoadedWeights, images: ImageSource | None, emit: Emit) -> None:
        """Raises `BadRequest` if nothing is known of what people take from such a network's answers."""
        self._spec, self._loaded, self._images, self._emit = spec, loaded, images, emit
        self._by: Yardstick | None = None
        if images is not None:
            finder_of(loaded.network)

    def prove(self, order: Order, trial: Trial, drafts: Sequence[Draft], rounded: Runner | None) -> tuple[Drawn, ...]:
        """Add the proof to the trial of a file that is still open; one that is wrong already needs none.

        `drafts`: of the pictures to draw, one each. `rounded`: what answers as rounding to the file's precision makes
        it. Those that were drawn, the one most worth looking at first.
        """
        if self._images is None or trial.failed:
            return ()
        by, name = self._yardstick(self._images), order.path.name
        album = Album(len(drafts)) if drafts else None
        with stage("prove", name, self._emit) as proving:
            prove_on_trial(trial, by, self._spec.recipe[MAX_LOSS], album, self._told("prove", name), rounded)
            proving.summary = f"{trial.proof.images} images" if trial.proof else ""
        if album is None:
            return ()
        drawn = dict[int, Drawn]()
        with stage("draw", name, self._emit) as drawing:
            for rank, image, picture in pictures(by, album, name):
                drafts[rank].write(picture)
                drawn[rank] = Drawn(drafts[rank], image)
            drawing.summary = f"{len(drawn)} pictures"
        return tuple(drawn[rank] for rank in sorted(drawn))

    def examples(self, order: Order) -> Examples:
        """The images that an artifact is made on, and the budget it is held to. Raises `BadRequest` without images."""
        if self._images is None:
            raise BadRequest(f"{order.kind.precision.label} needs images of yours", f"give some with {DATA.flag}")
        by, network, batch = self._yardstick(self._images), self._loaded.network, order.spec.batch
        aside = range(1, len(by.seen), 2)

        def images() -> Iterator[Array]:
            every = islice(by.images.stream(by.preparation), 0, None, 2)
            return (np.repeat(image.pixels, batch, axis=0) for image in every)

        budget = Budget(
            order.spec.recipe[MAX_LOSS],
            Expected(by, aside, batch).loss,
            lambda answer, exact: divergence(network, answer, exact),
            len(aside),
        )
        return Examples(images, budget, self._told("quantise", order.path.name))

    def _yardstick(self, images: ImageSource) -> Yardstick:
        if self._by is None:
            network, size, device = self._loaded.network, self._loaded.shape.size, self._spec.device
            with stage("images", "", self._emit) as seeing:
                self._by = seen_by_twin(images, network, size, device, self._spec.precisions, self._told("images", ""))
                seeing.summary = f"{len(self._by.seen)} of {images.total}, answered by {self._by.against}"
            for name, why in list(images.broken.items())[:3]:
                self._emit(Note("warning", f"{name} is left out: {why}"))
            if len(images.broken) > 3:
                self._emit(Note("warning", f"{len(images.broken)} images in all are left out"))
            for note in self._by.notes:
                self._emit(Note("info", note))
        return self._by

    def _told(self, name: str, artifact: str) -> OnImage:
        return lambda done, total, image: self._emit(Progress(name, artifact, done, total, image))
