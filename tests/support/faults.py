"""Work in a process of its own that goes wrong at its n-th step, for every n until there is none.

A step is a call that changes the disk, a line of the code that publishes, or an allocation. To the code under test a
fault is real: an error of the system, or the end of the process without any cleaning up.
"""

from __future__ import annotations

import errno
import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from multiprocessing.context import ForkServerProcess
from types import FrameType
from typing import Any, NoReturn

from halfpint.core.errors import HalfpintError
from halfpint.core.publication import claim, draft, hold, journal, switch

NEVER = sys.maxsize  # the step that no work has
_MOST_STEPS = 5000
_PATIENCE_SECONDS = 300.0
# The calls of `os` by which Halfpint changes the disk, and how each of them fails.
_CALLS = {
    **dict.fromkeys(("open", "mkdir", "pwrite", "write"), errno.ENOSPC),
    **dict.fromkeys(("ftruncate", "fsync", "link", "rename", "replace", "unlink", "rmdir"), errno.EIO),
}
_WRITES = ("pwrite", "write")
_PUBLISHING = frozenset(module.__file__ for module in (claim, draft, hold, journal, switch))


class How(Enum):
    """What happens at the n-th step."""

    ERROR = "a call fails"
    GONE = "a call fails, and so do all that follow"
    EXIT = "the process ends within a call"
    POWER = "the power fails within a call"  # what was written and not synced is lost
    LINE = "a line runs out of memory"
    ALLOCATION = "an allocation of Python's fails"


class End(IntEnum):
    """How the work ended, as the exit code of its process."""

    DONE = 0
    REFUSED = 40  # it told why in an error of ours
    CUT = 41  # the process ended at the fault
    NOT_REACHED = 42  # it has no n-th step, and is done


def at_every_step(
    how: How, work: Callable[..., None], arguments: Callable[[int], tuple[Any, ...]], part: int = 1
) -> Iterator[End]:
    """Do the work once for each n, with arguments of its own; how it ended each time.

    `part`: one of so many steps is tried; other ones in another way of going wrong.
    """
    for n in range(1 + list(How).index(how) % part, _MOST_STEPS, part):
        end = ended(work, arguments(n), how, n)
        yield end
        if end is End.NOT_REACHED:
            return
    raise AssertionError(f"{how.value}: after {_MOST_STEPS} steps it still is not done")


def ended(work: Callable[..., None], arguments: tuple[Any, ...], how: How, n: int) -> End:
    """How work ends in a process of its own that goes wrong at its n-th step."""
    return end_of(begun(work, arguments, how, n))


def begun(
    work: Callable[..., None], arguments: tuple[Any, ...], how: How = How.EXIT, n: int = NEVER
) -> ForkServerProcess:
    """Work in a process of its own that goes wrong at its n-th step."""
    process = _CONTEXT.Process(target=_child, args=(work, arguments, how, n, dict(os.environ)))
    process.start()
    return process


def end_of(process: ForkServerProcess) -> End:
    """How it ends. It is a failed test if that is otherwise than `End` tells."""
    return End(exit_code_of(process))


def exit_code_of(process: ForkServerProcess) -> int:
    """Its exit code, when it has ended; negative: the number of the signal that ended it."""
    process.join(_PATIENCE_SECONDS)
    assert process.exitcode is not None, "it comes to no end"
    return process.exitcode


def unsynced(_: int) -> None:
    """In place of `os.fsync`: no power fails here in earnest, and waiting for the disk would take most of the time."""


# Each process is forked from one that has imported what a job needs, and has done nothing else.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["halfpint.core.export.pipeline", "halfpint.core.targets.onnx.loaded", "onnx.checker"])


def _child(
    work: Callable[..., None], arguments: tuple[Any, ...], how: How, n: int, environment: Mapping[str, str]
) -> None:
    os.environ.update(environment)
    os.fsync = unsynced
    fault = _Line(n) if how is How.LINE else _Allocation(n) if how is How.ALLOCATION else _Disk(how, n)
    fault.install()
    try:
        work(*arguments)
    except (HalfpintError, MemoryError):
        os._exit(End.REFUSED)
    os._exit(End.DONE if fault.reached >= n else End.NOT_REACHED)


@dataclass
class _Disk:
    """Counts the calls that change the disk, and lets the n-th go wrong."""

    how: How
    n: int
    reached: int = 0
    unsynced: set[int] = field(default_factory=set[int])  # open files

    def install(self) -> None:
        for name in _CALLS:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return call(*args, **named)
            self.reached += 1
            if self.reached < self.n or (self.how is How.ERROR and self.reached > self.n):
                self._remember(name, args)
                return call(*args, **named)
            if self.how in (How.ERROR, How.GONE):
                raise OSError(_CALLS[name], os.strerror(_CALLS[name]), *args[:1])
            return self._cut(name, call, args, named)

        return run

    def _remember(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            self.unsynced.discard(args[0])
        elif name in (*_WRITES, "ftruncate"):
            self.unsynced.add(args[0])

    def _cut(self, name: str, call: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> NoReturn:
        """End the process: half of what it writes is written, any other call is just done."""
        try:
            if name in _WRITES:
                args = (args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
            if self.how is How.EXIT or name != "fsync":
                self._remember(name, args)
                call(*args, **named)
            if self.how is How.POWER:
                for fd in self.unsynced:
                    os.truncate(fd, 0)
        finally:
            os._exit(End.CUT)


@dataclass
class _Line:
    """Counts the lines of the code that publishes, and lets the n-th run out of memory."""

    n: int
    reached: int = 0

    def install(self) -> None:
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in _PUBLISHING:
            return None
        if event == "line":
            self.reached += 1
            if self.reached == self.n:
                raise MemoryError
        return self._trace


@dataclass
class _Allocation:
    """Lets the n-th allocation fail, and counts none: whether there was one is not known."""

    n: int

    @property
    def reached(self) -> int:
        return self.n

    def install(self) -> None:
        importlib.import_module("_testcapi").set_nomemory(self.n, self.n + 1)
