"""A program on a terminal of its own: what it writes is read, keys are sent, the line can be dropped."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_PATIENCE_SECONDS = 60.0
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f]", re.S)


class Terminal:
    """The side of the terminal where the person sits."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        self._code: int | None = None
        self.written = b""

    @property
    def text(self) -> str:
        """All that was written so far, without control sequences."""
        return _ESCAPES.sub(b"", self.written).decode("utf-8", "replace")

    def send(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def until(self, text: str) -> None:
        """Read until a text was written; fails after a minute."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while text not in self.text:
            assert self._read(end), f"{text!r} was not written, but {self.text[-2000:]!r}"

    def hang_up(self) -> None:
        """Drop the line."""
        os.close(self._fd)
        self._fd = -1

    def end(self) -> int:
        """Read until the program has ended; its exit code, as `subprocess` tells it."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._fd >= 0 and self._read(end):
            pass
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def kill(self) -> None:
        """End the program, if it still runs."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
        if self._fd >= 0:
            self.hang_up()
        self.end()

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        try:
            new = os.read(self._fd, 65536)
        except OSError:  # the program closed its side
            return False
        self.written += new
        return bool(new)


@contextmanager
def terminal(
    command: list[str], *, size: tuple[int, int] = (36, 120), environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a command on a terminal of (rows, columns), with more variables in its environment."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    variables = {**inherited, "TERM": "xterm-256color", **(environment or {})}
    pid, fd = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            os.execvpe(command[0], command, variables)
        finally:
            os._exit(127)
    started = Terminal(pid, fd)
    try:
        yield started
    finally:
        started.kill()
