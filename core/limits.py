"""What this process and those that it starts may use (ulimit), and what to say when there is no more memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator

from .units import mebibytes

# How the system, the C++ library, ONNX Runtime and torch spell that there is no memory left.
_SPELLED = (
    "failed to map segment",
    "cannot allocate memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "failed to allocate",
    "can't start new thread",
    "pthread_create failed",
)
# The seconds of CPU time that the user set, where `leave_a_second` set others: the kernel adds one when it signals.
_users_seconds: int | None = None


def address_space() -> int | None:
    """The bytes of memory that a process may map (ulimit -v); None: no limit."""
    return _limit(resource.RLIMIT_AS)


def cpu_seconds() -> int | None:
    """The seconds of CPU time that a process may take (ulimit -t); None: no limit."""
    return _limit(resource.RLIMIT_CPU) if _users_seconds is None else _users_seconds


def leave_a_second() -> None:
    """Have the system signal (SIGXCPU) a second before the CPU time is over; `ulimit -t` has it kill at once."""
    global _users_seconds
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft == hard != resource.RLIM_INFINITY and soft > 1:
        resource.setrlimit(resource.RLIMIT_CPU, (soft - 1, hard))
        _users_seconds = soft


def file_nbytes() -> int | None:
    """The bytes that a file may have (ulimit -f); None: no limit."""
    return _limit(resource.RLIMIT_FSIZE)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error, whichever library raised it, tells that there was no memory left on the host."""
    return any(
        isinstance(one, MemoryError) or any(words in str(one).lower() for words in _SPELLED) for one in _chain(error)
    )


def out_of_memory() -> tuple[str, str]:
    """What to say then: what happened, and what to do."""
    limit = address_space()
    if limit is None:
        return "the machine ran out of memory", "try a smaller size or batch"
    return (
        f"a process may map {mebibytes(limit)} of memory here (ulimit -v), and the job needs more",
        "raise that limit, or try a smaller size or batch",
    )


def out_of_time(who: str) -> tuple[str, str]:
    """What to say where the CPU time is over: what happened, and what to do. `who` took it."""
    return f"a process may take {cpu_seconds()} s of CPU time here (ulimit -t), and {who} did", "raise that limit"


def _limit(which: int) -> int | None:
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it was raised from."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__
