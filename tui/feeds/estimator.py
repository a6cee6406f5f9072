"""What a job would need and make, predicted in a thread: a key is painted first, its estimate right after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.formats import Precision
from ...core.spec import ExportSpec
from .slot import Slot

if TYPE_CHECKING:
    from ...core.memory.estimate import JobNeeds, Snapshot
    from ...core.memory.run import Run
    from ...core.network.network import Network
    from ...core.sizes import ArtifactSize, Sizes

# The time in which a person types the next digit.
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Wish:
    """What is to be predicted: a job, and where it would run, if that is known."""

    network: Network
    spec: ExportSpec
    now: Snapshot | None


@dataclass(frozen=True)
class Largest:
    """The largest batch at the size of a spec, and the side in px of the largest square at its batch, that fit."""

    batch: int | None
    square: int | None


@dataclass(frozen=True)
class Prediction:
    """What follows from a wish: nothing but the spec for a size that the network cannot take.

    `run`: the exported model at the spec's largest precision, wherever it will run.
    """

    spec: ExportSpec
    needs: JobNeeds | None = None
    run: Run | None = None
    artifacts: tuple[ArtifactSize, ...] = ()


class Predicted(Message):
    """A prediction is ready."""

    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        self.prediction = prediction


class LargestFound(Message):
    """The largest batch and square are known; `spec` is the one they were asked for."""

    def __init__(self, spec: ExportSpec, largest: Largest) -> None:
        super().__init__()
        self.spec, self.largest = spec, largest


class Estimator:
    """Predicts for the last wish alone: what was wished before it is forgotten."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._wished = Slot[Wish]()
        self._predicted: tuple[Network, ExportSpec] | None = None
        self._sizes: tuple[Network, Sizes] | None = None

    def start(self) -> None:
        """Begin to predict."""
        Thread(target=self._work, name="estimator", daemon=True).start()

    def stop(self) -> None:
        """Predict nothing more."""
        self._wished.close()

    def want(self, wish: Wish | None) -> None:
        """Predict this; None: nothing."""
        self._wished.put(wish)

    def _work(self) -> None:
        while taken := self._wished.take():
            _, wish = taken
            if self._predicted != (wish.network, wish.spec):
                self._post(Predicted(self._predict(wish)))
                self._predicted = (wish.network, wish.spec)
            if wish.now is not None and not self._wished.overtaken(_PAUSE_SECONDS):
                self._post(LargestFound(wish.spec, largest(wish, wish.now)))

    def _predict(self, wish: Wish) -> Prediction:
        from ...core.errors import BadRequest
        from ...core.memory.estimate import job_needs
        from ...core.memory.run import run
        from ...core.memory.workload import Workload
        from ...core.network.ops import ShapeMismatch
        from ...core.shapes import InputShape
        from ...core.sizes import Sizes

        network, spec = wish.network, wish.spec
        if self._sizes is None or self._sizes[0] is not network:
            self._sizes = network, Sizes(network)
        shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
        try:
            overheads = (wish.now.overheads,) if wish.now is not None else ()
            needs = job_needs(network, Workload.of(spec), shape, *overheads)
            heaviest = Precision.FP32 if Precision.FP32 in spec.precisions else spec.precisions[0]
            forward = needs.runs.get(heaviest) or run(network, shape, heaviest, half_io=spec.half_io)
            return Prediction(spec, needs, forward, self._sizes[1].artifacts(spec))
        except (ShapeMismatch, BadRequest):  # the job says why
            return Prediction(spec)


def largest(wish: Wish, now: Snapshot) -> Largest:
    """The largest batch and square that fit now."""
    from ...core.memory.fitmap import largest_batch, largest_square
    from ...core.memory.workload import Workload
    from ...core.network.ops import ShapeMismatch

    spec = wish.spec
    work, precision = Workload.of(spec), spec.precisions[0]
    try:
        return Largest(
            largest_batch(wish.network, work, (spec.height, spec.width), precision, now),
            largest_square(wish.network, work, spec.batch, precision, now),
        )
    except ShapeMismatch:
        return Largest(None, None)
