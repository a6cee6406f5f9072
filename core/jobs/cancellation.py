"""The wish to end a worker's job, as a signal brings it, and how the job ends then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Thread, get_ident
from types import FrameType

from ..errors import Cancelled

_PATIENCE_SECONDS = 0.1  # how long an interruption may take to be seen
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Cancellation:
    """The wish to end, as a signal brings it.

    It interrupts whatever runs; but native libraries turn the interruption into errors of their own, so the
    wish is also kept. While a job is being opened, nothing is interrupted: its last event could not be told yet.

    An interruption waits for the native call that runs, which may take seconds. So a thread watches, too: a job that
    does not end soon is told to be over, and the process ends in the middle of the call. Whoever started it removes
    its drafts.
    """

    def __init__(self) -> None:
        self.wished = False
        self._interrupts = True
        self._leave: Callable[[], None] | None = None
        self._ended_by: dict[str, int] = {}  # "job": the thread that ends it
        for number in _SIGNALS:
            signal.signal(number, self._interrupt)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.wished = True
        # A second signal must not interrupt the cleaning up after the first.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if self._interrupts:
            raise KeyboardInterrupt

    def defer(self) -> None:
        """Only keep the wish, from here on."""
        self._interrupts = False

    def interrupt(self, leave: Callable[[], None]) -> None:
        """Interrupt again, from here on. Raises `KeyboardInterrupt` if there was a wish meanwhile.

        `leave` tells that the job was cancelled: called from another thread, just before the process ends.
        """
        self._leave = leave
        self._interrupts = True
        self.check()

    def check(self) -> None:
        """Raises `KeyboardInterrupt` if there was a wish to end."""
        if self.wished:
            raise KeyboardInterrupt

    def close(self) -> None:
        """From here on it is too late: the job is over, or its files get their names, all of them, at once."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        while not self._claim():
            time.sleep(1)  # the process is about to end

    def watch(self) -> None:
        """End the whole process from here on, if a job that is cancelled does not end by itself."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        Thread(target=self._watch, args=(reader, os.getppid()), name="cancellation", daemon=True).start()

    def _watch(self, reader: int, parent: int) -> None:
        """The interpreter writes each signal's number into the pipe, also while a native call runs."""
        while os.read(reader, 1)[0] not in _SIGNALS:
            pass
        time.sleep(_PATIENCE_SECONDS)
        # Where nobody is left to remove the drafts, the job has to do it, however long it takes to begin.
        if self._leave is not None and os.getppid() == parent and self._claim():
            self._leave()
            os._exit(Cancelled.exit_code)

    def _claim(self) -> bool:
        """Whether the calling thread is the one that ends the job: the first that asks."""
        return self._ended_by.setdefault("job", get_ident()) == get_ident()
