"""The parent's side: start a sandbox, ask it, tell in a sentence how it ended, and never leave it running."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .. import limits
from ..errors import ArtifactRefused, BadRequest, HalfpintError, JobFailed, WillNotFit
from . import wire

# A child that waits for something that never comes takes no processor time: it ends after so many times its allowance.
_PATIENCE, _LEAST_SECONDS = 20.0, 60.0
_ERRORS: Mapping[str, type[HalfpintError]] = {
    kind.__name__: kind for kind in (ArtifactRefused, BadRequest, JobFailed, WillNotFit)
}
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGSYS)
_LIST = 65536  # bytes of the child's last words that are looked at


@dataclass(frozen=True)
class Allowance:
    """What one request may take beyond what the child has: processor seconds, bytes of memory."""

    seconds: float
    nbytes: int


class SaidNo(Exception):
    """The code in the child raised an error of its own kind, such as a runtime's; the message is its."""


class Sandbox:
    """A child process in a session of its own. Use it as a context manager: at its end, the child is killed."""

    def __init__(self, module: str, subject: str, descriptors: Sequence[int] = (), device: str = "cpu") -> None:
        """Start it. `module`: run as `python -m`, with its parent's process, `device` and the descriptors as arguments.

        `subject`: what it is about, for sentences. `descriptors`: open files that it inherits. `device`: `cpu`, or a
        GPU's index.
        """
        self._subject = subject
        self._words, words = os.pipe()
        try:
            for end in (self._words, words):
                os.set_blocking(end, False)  # who does not read them must not hold up the child
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(os.getpid()), device, *map(str, descriptors)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                env=_environment(),
                pass_fds=tuple(descriptors),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._words)
            raise
        finally:
            os.close(words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process, which leads its process group."""
        return self._process.pid

    def close(self) -> None:
        """Kill the child and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._words >= 0:
            os.close(self._words)
            self._words = -1

    def ask(
        self,
        question: str,
        doing: str,
        allowance: Allowance,
        arrays: Sequence[wire.Array] = (),
        *,
        limit: int = 0,
        **arguments: Any,
    ) -> tuple[Mapping[str, Any], list[wire.Array]]:
        """The answer to a request. `doing`: what it is, for sentences: "loading it". `limit`: of the arrays, in bytes.

        Raises `ArtifactRefused` if the child ends, goes beyond its allowance or answers with nonsense; an error of
        ours as the child raised it; and `SaidNo` for any other error there.
        """
        self.begin(question, allowance, arrays, **arguments)
        return self.finish(doing, allowance, limit)

    def begin(self, question: str, allowance: Allowance, arrays: Sequence[wire.Array] = (), **arguments: Any) -> None:
        """Send a request whose answer is taken by `finish`."""
        request = {"ask": question, "with": arguments, "seconds": allowance.seconds, "nbytes": allowance.nbytes}
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: taking its answer tells how
            wire.send(self._process.stdin, request, arrays)

    def finish(self, doing: str, allowance: Allowance, limit: int = 0) -> tuple[Mapping[str, Any], list[wire.Array]]:
        """The answer to the request that was begun. Raises as `ask` does."""
        deadline = time.monotonic() + max(_LEAST_SECONDS, _PATIENCE * allowance.seconds)
        try:
            header, arrays = wire.receive(lambda nbytes: self._read(nbytes, deadline), limit)
        except EOFError:
            raise self._death(doing, allowance) from None
        except TimeoutError:
            raise ArtifactRefused(f"{self._subject}: {doing} came to no end, and was given up") from None
        except wire.BadMessage as error:
            raise ArtifactRefused(f"{self._subject}: {doing} gave {error}, which is not what was asked for") from None
        match header:
            case {"answer": dict(answer)}:
                return answer, arrays
            case {"error": {"class": str(kind), "what": str(what), "fix": str(fix)}}:
                raise self._error(kind, what, fix, doing, allowance)
            case _:
                raise ArtifactRefused(f"{self._subject}: {doing} gave an answer that makes no sense")

    def _read(self, nbytes: int, deadline: float) -> bytearray:
        """Exactly so many bytes of the child's answer. Raises `EOFError` or `TimeoutError`."""
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        data = bytearray(nbytes)
        view, done = memoryview(data), 0
        while done < nbytes:
            ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            got = os.readv(source, [view[done:]])
            if not got:
                raise EOFError
            done += got
        return data

    def _error(self, kind: str, what: str, fix: str, doing: str, allowance: Allowance) -> Exception:
        if kind == "memory":
            return self._out_of_memory(doing, allowance)
        if kind == "limit":
            return JobFailed(*limits.out_of_memory())
        if kind in _ERRORS:
            told = what if self._subject in what else f"{self._subject}: {what}"
            return _ERRORS[kind](told, fix)
        return SaidNo(what)

    def _out_of_memory(self, doing: str, allowance: Allowance) -> ArtifactRefused:
        mebibytes = allowance.nbytes // 2**20
        return ArtifactRefused(f"{self._subject}: {doing} took more than the {mebibytes:,} MiB of memory that it may")

    def _death(self, doing: str, allowance: Allowance) -> HalfpintError:
        """Why there is no answer, in a sentence that names the limit."""
        code = self._process.wait()
        head = f"{self._subject}: {doing}"
        if code == -signal.SIGXCPU:
            return ArtifactRefused(f"{head} took more than the {allowance.seconds:.0f} s of processor time that it may")
        most = limits.cpu_seconds()
        if code == -signal.SIGKILL and most is not None and _children_seconds() >= most - 1:  # the hard limit kills
            return JobFailed(*limits.out_of_time("the sandbox"))
        if code == -signal.SIGKILL:
            return ArtifactRefused(f"{head} was killed, as the system does when memory runs out")
        with contextlib.suppress(OSError):
            if any(sign in os.read(self._words, _LIST) for sign in (b"bad_alloc", b"MemoryError")):
                return self._out_of_memory(doing, allowance)
        if code >= 0 and limits.address_space() is not None:  # OpenBLAS ends the process where it gets no memory
            return JobFailed(*limits.out_of_memory())
        if -code in _CRASHES:
            return ArtifactRefused(f"{head} crashed ({signal.Signals(-code).name})")
        return ArtifactRefused(f"{head} ended unexpectedly (exit code {code})")


def _children_seconds() -> float:
    """Processor seconds that ended children of this process took, all together."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment() -> Mapping[str, str]:
    """The child's environment: this one, with an allocator that keeps to few addresses, and threads that sleep."""
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **os.environ}
    return {**quiet, "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"}
