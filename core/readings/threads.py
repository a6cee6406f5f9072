"""The threads that the reference computes with: numpy's own work lets several run at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache

from threadpoolctl import ThreadpoolController

# What the yardstick takes is calls of some ten µs each, between which a thread needs the interpreter for about two:
# more threads than this would wait for it.
_MOST = 4
THREADS = min(_MOST, os.cpu_count() or 1)


def spread(tasks: Sequence[Callable[[], None]]) -> None:
    """Do all tasks, each once, on several cores. The first error that is met is raised when all have ended.

    They see what the caller's context holds: numpy keeps there which errors of arithmetic it ignores.
    """
    if len(tasks) == 1 or THREADS == 1:
        for task in tasks:
            task()
        return
    futures = [_pool().submit(copy_context().run, task) for task in tasks]
    errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Meanwhile, a matrix product of numpy's takes the thread that asks for it, and no other.

    OpenBLAS would spread each over all cores once more. Its threads wait for one another by spinning: on a machine that
    has other work, everything takes ten times as long.
    """
    with _openblas().limit(limits=1):
        yield


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "numbers")


@cache
def _openblas() -> ThreadpoolController:
    """What sets how many threads numpy's matrix products take."""
    return ThreadpoolController().select(internal_api="openblas")
