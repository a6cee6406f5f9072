"""Long work that goes a step at a time, and rests between two questions: each step has an allowance of its own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Semaphore, Thread
from typing import Generic, TypeAlias, TypeVar

from ..targets.budget import Tell

Step: TypeAlias = tuple[int, int, str]  # so many of so many steps are done, and what the last one was

T = TypeVar("T")


class Steps(Generic[T]):
    """Work in a thread that only runs while `more` waits for it."""

    def __init__(self, work: Callable[[Tell], T]) -> None:
        """`work`: is given what it calls after each step. It begins with the first `more`."""
        self._work = work
        self._go, self._done = Semaphore(0), Semaphore(0)
        self._step: Step | None = None
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def more(self) -> Step | None:
        """Let it go on to its next step, and tell that; None once it is done. Raises what the work raises."""
        self._step = None
        self._go.release()
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._step

    @property
    def result(self) -> T:
        """What came of it, once it is done."""
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._result = self._work(self._tell)
        except BaseException as error:  # the thread that asks raises it
            self._error = error
        self._step = None
        self._done.release()

    def _tell(self, done: int, total: int, text: str) -> None:
        self._step = (done, total, text)
        self._done.release()
        self._go.acquire()
