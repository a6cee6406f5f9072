"""A worker that waits for its job with all imported that it is going to need: a person does not wait for that."""

from __future__ import annotations

import contextlib

from ..errors import JobFailed
from .launcher import Worker


class Warm:
    """One such worker, or none."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._modules: tuple[str, ...] | None = None

    def keep(self, modules: tuple[str, ...] | None) -> None:
        """Have a worker that imported these modules; None: have none.

        One that dies while it waits is not replaced before there is a job, which tells of it.
        """
        if modules == self._modules:
            return
        self._dismiss()
        self._modules = modules
        if modules is not None:
            with contextlib.suppress(JobFailed):
                self._worker = Worker(modules)

    def take(self) -> Worker:
        """The worker that is ready, or a new one. Raises `JobFailed` if the system starts no process."""
        worker, self._worker, self._modules = self._worker, None, None
        if worker is not None and worker.returncode is not None:
            worker.dismiss()
            worker = None
        return worker or Worker()

    def _dismiss(self) -> None:
        if self._worker is not None:
            self._worker.dismiss()
            self._worker = None
