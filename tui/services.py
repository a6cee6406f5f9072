"""Everything that runs beside the screen, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from .feeds.devices import DeviceWatch
from .feeds.estimator import Estimator
from .feeds.inspector import Inspector
from .feeds.jobs import JobsFeed
from .feeds.scanner import Scanner

if TYPE_CHECKING:
    from ..core.devices import GpuSampler
    from ..core.jobs.database import Job
    from .session import Session


@dataclass(frozen=True)
class Services:
    """The feeds of one screen."""

    scanner: Scanner
    inspector: Inspector
    devices: DeviceWatch
    jobs: JobsFeed
    estimator: Estimator

    @classmethod
    def make(cls, post: Callable[[Message], object], sampler: GpuSampler | None, folder: Path) -> Services:
        """Feeds that post to one place. Nothing runs yet."""
        return cls(Scanner(post), Inspector(post), DeviceWatch(post, sampler, folder), JobsFeed(post), Estimator(post))

    def start(self) -> None:
        """Begin to watch."""
        self.devices.start()
        self.jobs.start()
        self.estimator.start()

    def follow(self, before: Session, session: Session) -> None:
        """Watch, warm up and predict what the screen shows now."""
        if session.output_folder != before.output_folder:
            self.devices.folder = session.output_folder
        wish = session.wish
        if wish is None:
            self.estimator.want(None)
        elif _asked(session) != _asked(before):
            self.jobs.expect(wish.spec)
            self.estimator.want(wish)

    def stop(self, cancelled: Sequence[Job] = ()) -> None:
        """End everything; of the jobs only those that are to be cancelled."""
        self.scanner.stop()
        self.inspector.stop()
        self.devices.stop()
        self.estimator.stop()
        self.jobs.stop(cancelled)


def _asked(session: Session) -> tuple[object, ...]:
    """What a prediction is asked for: another network, job, amount of free memory, or measurement of the GPU."""
    wish = session.wish
    return () if wish is None else (id(wish.network), wish.spec, session.free_memory, wish.now and wish.now.overheads)
