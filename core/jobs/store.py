"""A job's folder: its spec, its events, what its worker printed. It outlives everybody who works on the job."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..state import state_folder
from .events import Event, from_line, to_line
from .spec import ExportSpec

KEPT = 100  # jobs; older ones are removed when a new one begins


@dataclass(frozen=True)
class JobFolder:
    """Where everything about one job lies."""

    path: Path

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def events_file(self) -> Path:
        """One event a line, as they happen."""
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        """What the worker and the libraries in it print."""
        return self.path / "worker.log"

    def spec(self) -> ExportSpec:
        """The job's spec. Raises `OSError` or `ValueError` if it cannot be read."""
        return ExportSpec.from_json(self.spec_file.read_text(encoding="utf-8"))

    def append(self, event: Event) -> None:
        """Add an event, in one write."""
        with self.events_file.open("a", encoding="utf-8") as file:
            file.write(to_line(event) + "\n")


def jobs_root() -> Path:
    """The folder of all jobs."""
    return state_folder() / "jobs"


def create(spec: ExportSpec) -> JobFolder:
    """A folder for a new job, with its spec in it. Falls back to the temporary folder if the state is read-only."""
    name = f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    root = jobs_root()
    try:
        path = root / name
        path.mkdir(parents=True)
        _prune(root)
    except OSError:
        path = Path(tempfile.mkdtemp(prefix="halfpint-job-"))
    job = JobFolder(path)
    job.spec_file.write_text(spec.to_json(), encoding="utf-8")
    job.events_file.touch()
    return job


def _prune(root: Path) -> None:
    with contextlib.suppress(OSError):
        for old in sorted(path for path in root.iterdir() if path.is_dir())[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)


class EventReader:
    """Reads a job's events as they are appended."""

    def __init__(self, job: JobFolder) -> None:
        self._file = job.events_file.open("rb")
        self._rest = b""

    def close(self) -> None:
        self._file.close()

    def new(self) -> Iterator[Event]:
        """The events that were completed since the last call. A line that is no event is passed over."""
        self._rest += self._file.read()
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                yield from_line(line.decode("utf-8"))
