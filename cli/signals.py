"""SIGINT, SIGTERM and SIGHUP end a command cleanly, with the exit code that shells give: 128 and the number.

So does the end of the CPU time that a process may take (SIGXCPU), with a sentence that says so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..core.limits import leave_a_second

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)


class Ended(KeyboardInterrupt):
    """A signal asks to end: what goes for Ctrl-C goes for the others."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.exit_code = 128 + number


@contextmanager
def ending() -> Iterator[None]:
    """Within, the first of these signals raises `Ended`; later ones do not disturb the cleaning up.

    A signal that is ignored stays so: nohup's SIGHUP, SIGINT in a job that a script put into the background.
    """
    leave_a_second()
    before = {number: signal.getsignal(number) for number in _ENDING}
    heard = [number for number in _ENDING if before[number] is not signal.SIG_IGN]

    def end(number: int, _frame: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def by_default() -> Iterator[None]:
    """Within, the signals do what Python and the system do, for a screen that handles them itself."""
    inside = {number: signal.getsignal(number) for number in _ENDING}
    for number in _ENDING:
        if inside[number] is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        yield
    finally:
        for number in _ENDING:
            signal.signal(number, inside[number])
