"""The fit map, drawn in a thread: numpy takes its time to be imported, and the screen answers meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.precisions import Precision
from .slot import Slot

if TYPE_CHECKING:
    from ...core.memory.fitmap import FitMap
    from ...core.memory.snapshot import Snapshot
    from ...core.plan import Planner
    from ...core.spec import ExportSpec


@dataclass(frozen=True)
class Subject:
    """What a map is drawn of: a job at every size, and what is free now. `precision`: one of the spec's.

    `planner`: of the weights; what is said of a single size is its plan.
    """

    planner: Planner
    spec: ExportSpec
    precision: Precision
    now: Snapshot

    @property
    def sides(self) -> tuple[int, ...]:
        """The heights and widths of the map, in px: over the range that suits the family."""
        from ...core.memory.fitmap import default_sides

        return default_sides(self.planner.network.stride, self.planner.info.facts.sizes.recommended)


class Mapped(Message):
    """A map was drawn; or it cannot be, and `problem` says why. `generation`: the wish that it answers."""

    def __init__(self, generation: int, map: FitMap | None, problem: str = "") -> None:
        super().__init__()
        self.generation, self.map, self.problem = generation, map, problem

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Mapped)


class Mapper:
    """Draws the map that was wanted last. One that is not wanted any more when it is done is dropped."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._wished = Slot[Subject]()

    def start(self) -> None:
        """Begin to draw what is wanted."""
        Thread(target=self._run, name="mapper", daemon=True).start()

    def want(self, subject: Subject) -> int:
        """Draw this one; the generation of its message."""
        return self._wished.put(subject)

    def stop(self) -> None:
        """Draw nothing more."""
        self._wished.close()

    def _run(self) -> None:
        while taken := self._wished.take():
            generation, subject = taken
            drawn = draw(subject, generation)
            if not self._wished.overtaken():
                self._post(drawn)


def draw(subject: Subject, generation: int) -> Mapped:
    """The map of a subject; whatever hinders it is told."""
    from ...core.memory.fitmap import fit_map
    from ...core.memory.workload import Workload

    work, batch = Workload.of(subject.spec), subject.spec.batch
    try:
        drawn = fit_map(subject.planner.network, work, batch, subject.precision, subject.now, subject.sides)
        return Mapped(generation, drawn)
    except Exception as error:  # a network that cannot take some size, or a fault of ours: the screen must not end
        return Mapped(generation, None, f"the map cannot be drawn ({type(error).__name__}: {error})")
