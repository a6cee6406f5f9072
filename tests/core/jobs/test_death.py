"""A worker that ended without a word: what is said of it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from halfpint.core import limits
from halfpint.core.jobs import death
from halfpint.core.jobs.death import Death, told

LOG = Path("/state/jobs/1/worker.log")


@pytest.mark.parametrize(
    ("code", "seconds", "kills", "limited", "message"),
    [
        (-signal.SIGKILL, 1.0, 1, {}, "the machine ran out of memory: the kernel's OOM killer ended the worker"),
        (-signal.SIGKILL, 1.0, 0, {}, "memory had not run out"),
        (-signal.SIGKILL, 1.0, None, {}, "killed (SIGKILL), as the system does when memory runs out"),
        (
            -signal.SIGKILL,
            29.9,
            0,
            {"cpu_seconds": 30},
            "may take 30 s of CPU time here (ulimit -t), and the worker did",
        ),
        (-signal.SIGKILL, 3.0, 0, {"cpu_seconds": 30}, "memory had not run out"),
        (-signal.SIGXCPU, 3.0, 0, {"cpu_seconds": 3}, "may take 3 s of CPU time here (ulimit -t)"),
        (-signal.SIGTERM, 1.0, 0, {}, "somebody ended the worker (SIGTERM)"),
        (-signal.SIGSEGV, 1.0, 0, {}, "the worker crashed (SIGSEGV)"),
        (-signal.SIGABRT, 1.0, 0, {"address_space": 1 << 30}, "crashed (SIGABRT); a process may map 1.0 GiB of memory"),
        (-(signal.SIGRTMIN + 3), 1.0, 0, {}, f"the worker crashed (signal {signal.SIGRTMIN + 3})"),
        (0, 1.0, 0, {}, "the job is done, but the disk had no room for its events"),
        (130, 1.0, 0, {}, "cancelled"),
        (1, 1.0, 0, {}, "the worker ended unexpectedly (exit code 1)"),
        (1, 1.0, 0, {"address_space": 1 << 20}, "(exit code 1); a process may map 1.0 MiB of memory here (ulimit -v)"),
    ],
)
def test_what_is_said(
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    seconds: float,
    kills: int | None,
    limited: Mapping[str, int],
    message: str,
) -> None:
    monkeypatch.setattr(limits, "cpu_seconds", lambda: limited.get("cpu_seconds"))
    monkeypatch.setattr(limits, "address_space", lambda: limited.get("address_space"))
    assert message in told(Death(code, seconds, kills, "", LOG))[0]


def test_the_kernel_tells_how_often_it_killed() -> None:
    assert death.oom_kills() is not None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_errors_that_tell_of_memory(error: Exception) -> None:
    assert limits.ran_out_of_memory(error)
    wrapped = ValueError("something else")
    wrapped.__cause__ = error
    assert limits.ran_out_of_memory(wrapped)


def test_other_errors_do_not() -> None:
    assert not limits.ran_out_of_memory(RuntimeError("the model has no memory of that"))
