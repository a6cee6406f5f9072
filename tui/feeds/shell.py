"""A command of Halfpint beside the screen: in a process group of its own, its lines as they come."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from threading import Thread

from textual.message import Message


class Printed(Message):
    """A line of the command."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Ended(Message):
    """The command is over."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Shell:
    """One command. It cannot be typed to; what it prints is told by messages."""

    def __init__(self, module: str, arguments: Sequence[str], post: Callable[[Message], object]) -> None:
        """`module`: that Python runs. `post`: takes messages from any thread."""
        self._post = post
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        Thread(target=self._read, name="shell", daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as printed:
            for line in printed:
                self._post(Printed(line.decode("utf-8", "replace").rstrip()))
        self._post(Ended(self._process.wait()))

    def stop(self) -> None:
        """End the command, and all that it started, if it is not over."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
