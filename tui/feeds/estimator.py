"""The plan of the job that the screen shows, made in a thread: a key is painted first, its plan right after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.spec import ExportSpec
from .slot import Slot

if TYPE_CHECKING:
    from ...core.inspect import WeightsInfo
    from ...core.memory.overheads import Overheads
    from ...core.memory.snapshot import Snapshot
    from ...core.network.network import Network
    from ...core.plan import Plan, Planner

# The time in which a person types the next digit.
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Wish:
    """What is to be planned: a job, of which weights, and the machine, if it was asked already."""

    info: WeightsInfo
    network: Network
    spec: ExportSpec
    now: Snapshot | None


@dataclass(frozen=True)
class Largest:
    """The largest batch at the size of a spec, and the side in px of the largest square at its batch, that fit."""

    batch: int | None
    square: int | None


class Planned(Message):
    """A plan is ready."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


class LargestFound(Message):
    """The largest batch and square are known; `spec` is the one they were asked for."""

    def __init__(self, spec: ExportSpec, largest: Largest) -> None:
        super().__init__()
        self.spec, self.largest = spec, largest


class Estimator:
    """Plans the last wish alone: what was wished before it is forgotten."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._wished = Slot[Wish]()
        self._answered: tuple[Network, ExportSpec, Overheads] | None = None
        self._planner: Planner | None = None

    def start(self) -> None:
        """Begin to plan."""
        Thread(target=self._work, name="estimator", daemon=True).start()

    def stop(self) -> None:
        """Plan nothing more."""
        self._wished.close()

    def want(self, wish: Wish | None) -> None:
        """Plan this; None: nothing."""
        self._wished.put(wish)

    def _work(self) -> None:
        from ...core.memory.snapshot import NOT_KNOWN

        while taken := self._wished.take():
            _, wish = taken
            now = wish.now or NOT_KNOWN
            # What else a plan follows from changes every second, and `Plan.on` is enough for it.
            asked = (wish.network, wish.spec, now.overheads)
            if self._answered != asked:
                self._post(Planned(self._planner_of(wish).plan(wish.spec, now)))
                self._answered = asked
            if wish.now is not None and not self._wished.overtaken(_PAUSE_SECONDS):
                self._post(LargestFound(wish.spec, largest(wish, wish.now)))

    def _planner_of(self, wish: Wish) -> Planner:
        from ...core.plan import Planner

        if self._planner is None or self._planner.network is not wish.network:
            self._planner = Planner(wish.info, wish.network)
        return self._planner


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
