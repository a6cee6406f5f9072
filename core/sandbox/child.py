"""The child's side: it gives up its powers, then answers requests, each within its own allowance."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

from ..errors import HalfpintError
from ..limits import ran_out_of_memory
from . import wire
from .isolation import isolate

Answer: TypeAlias = tuple[Mapping[str, Any], Sequence[wire.Array]]
# From a request's arguments and arrays to its answer.
Handler: TypeAlias = Callable[[Mapping[str, Any], Sequence[wire.Array]], Answer]

# A thread has a stack of 8 MiB, and the C library keeps two arenas of 64 MiB of addresses (MALLOC_ARENA_MAX).
_ADDRESSES_A_THREAD, _ADDRESSES = 9 * 2**20, 160 * 2**20


def serve(handlers: Mapping[str, Handler], parent: int, device: str) -> None:
    """Answer requests from standard input until it ends. Nothing else is written to standard output."""
    requests, answers = _take_pipes()
    isolate(parent, device)
    limited = device == "cpu"  # a GPU's driver reserves more addresses than any machine has memory
    while True:
        try:
            request, arrays = wire.receive(lambda n: _exactly(requests, n), sys.maxsize)
        except EOFError:
            return
        pinched = _allow(request["seconds"], request["nbytes"] if limited else None)
        try:
            header, results = handlers[request["ask"]](request["with"], arrays)
            _allow(None, None)
            wire.send(answers, {"answer": header}, results)
        except BaseException as error:
            _allow(None, None)
            wire.send(answers, {"error": _described(error, pinched)})


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The two pipes, where nobody else finds them: what a library prints goes nowhere."""
    pipes = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb")


def _exactly(stream: IO[bytes], nbytes: int) -> bytes:
    data = stream.read(nbytes)
    if len(data) != nbytes:
        raise EOFError
    return data


def _allow(seconds: float | None, nbytes: int | None) -> bool:
    """Set what may be used from here on, in processor seconds and bytes; None is no limit.

    Whether the user's own limit on memory (ulimit -v) allows less than that.
    """
    cpu = addresses = resource.RLIM_INFINITY
    if seconds is not None:
        cpu = math.floor(time.process_time() + seconds)  # the kernel counts in whole seconds
    if nbytes is not None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        addresses = used + nbytes + _ADDRESSES + _ADDRESSES_A_THREAD * 2 * (os.cpu_count() or 1)
    for kind, most in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, addresses)):
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    return hard != resource.RLIM_INFINITY and (addresses == resource.RLIM_INFINITY or hard < addresses)


def _described(error: BaseException, pinched: bool) -> Mapping[str, str]:
    """An error as the parent will raise it again: by its class, if it is one of ours.

    `pinched`: whether the user's own limit on memory was the lower one.
    """
    if _ran_out(error):
        return {"class": "limit" if pinched else "memory", "what": "", "fix": ""}
    if isinstance(error, HalfpintError):
        return {"class": type(error).__name__, "what": error.what, "fix": error.fix}
    traceback.print_exc()  # into the pipe that the parent reads if this process dies
    return {"class": "", "what": (str(error) or type(error).__name__)[:4096], "fix": ""}


def _ran_out(error: BaseException) -> bool:
    """Whether memory was refused to a library. Errors of ours may speak of memory in another sense."""
    if isinstance(error, KeyboardInterrupt):  # nobody interrupts: OpenBLAS does, without memory for its threads
        return True
    first = error.__cause__ if isinstance(error, HalfpintError) else error
    return first is not None and ran_out_of_memory(first)
