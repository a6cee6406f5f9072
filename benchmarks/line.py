"""A terminal of fixed size that counts and times what a program puts on the wire."""

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

import psutil
from machine import user_environment

_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f]", re.S)


class Line:
    """The person's end of the wire."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid, self._fd = pid, fd
        self.started = time.perf_counter()
        self.nbytes = 0
        self.data = b""

    @property
    def text(self) -> str:
        """All that came since `data` was emptied, without control sequences."""
        return _ESCAPES.sub(b"", self.data).decode("utf-8", "replace")

    def read(self, seconds: float) -> bool:
        """Wait at most so long for bytes; whether any came."""
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return False
        try:
            new = os.read(self._fd, 65536)
        except OSError:
            return False
        self.nbytes += len(new)
        self.data += new
        return bool(new)

    def until(self, text: str, seconds: float = 60) -> float:
        """Seconds since the start when a text had come. Raises `TimeoutError`."""
        end = time.perf_counter() + seconds
        while text not in self.text:
            if time.perf_counter() > end:
                raise TimeoutError(f"{text!r} did not come")
            self.read(0.5)
        return time.perf_counter() - self.started

    def over(self, seconds: float) -> int:
        """Bytes that come in so many seconds."""
        before, end = self.nbytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return self.nbytes - before

    def press(self, keys: str) -> tuple[float, int]:
        """Send a key: seconds until the first byte comes back, and how many bytes come in the following 0.15 s."""
        while self.read(0):
            pass
        before, start = self.nbytes, time.perf_counter()
        os.write(self._fd, keys.encode())
        self.read(2.0)
        seconds = time.perf_counter() - start
        self.over(0.15)
        return seconds, self.nbytes - before

    def send(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def cpu_seconds(self) -> float:
        """CPU time of the program itself, so far; its worker is not counted."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


@contextmanager
def line(command: list[str], size: tuple[int, int], variables: Mapping[str, str]) -> Iterator[Line]:
    """Run a program on a terminal of (rows, columns)."""
    own = ("COLUMNS", "LINES", "COLORTERM")
    inherited = {name: value for name, value in user_environment().items() if name not in own}
    pid, fd = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            os.execvpe(command[0], command, {**inherited, "TERM": "xterm-256color", **variables})
        finally:
            os._exit(127)
    started = Line(pid, fd)
    try:
        yield started
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)
