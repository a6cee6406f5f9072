"""One command: its wall time, and the peak of resident memory of it and of the processes that it starts. Linux alone.

`python -I -S cost_on.py COMMAND …` writes one line of JSON: the exit `code`, the `seconds`, and in bytes `largest`,
the peak of the largest process, and `together`, the sum of the peaks of the processes that live at one time, at most.
What the command says goes to standard error.

It runs as a small process of its own, for Linux hands a process's peak on to those that it starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

# Seconds between two looks, of which a look takes a hundredth. A process keeps its peak, so that only processes that
# live shorter can be missed, and what a process adds to its peak just before it ends.
PAUSE = 0.02


class Tree:
    """The living processes that descend from one, and their peaks."""

    def __init__(self, root: int) -> None:
        self._members, self._others = {root}, {os.getpid()}
        self.largest = self.together = 0

    def look(self) -> None:
        """Take the peaks of those that were there at the last look, and see who has come."""
        living = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 a tenth of the time
        self._members &= living
        self._others &= living
        # Who has come counts at the next look: between fork and exec, a process shows its parent's memory as its own.
        peaks = [_figure(pid, "VmHWM:") * 1024 for pid in self._members]
        self.largest = max(self.largest, *peaks, 0)
        self.together = max(self.together, sum(peaks))
        for pid in sorted(living - self._members - self._others):
            (self._members if _figure(pid, "PPid:") in self._members else self._others).add(pid)


def _figure(pid: int, name: str) -> int:
    """A line of /proc/PID/status as a number; 0 if there is none, as for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def main() -> None:
    """Run what the arguments say."""
    start = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    tree, ended = Tree(process.pid), threading.Event()

    def watch() -> None:
        while not ended.wait(PAUSE):
            tree.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    # The kernel's own figure knows of the last moment, and of descendants that were waited for.
    largest = max(tree.largest, used.ru_maxrss * 1024)
    code = os.waitstatus_to_exitcode(status)
    figures = {"code": code, "seconds": seconds, "largest": largest, "together": max(tree.together, largest)}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
