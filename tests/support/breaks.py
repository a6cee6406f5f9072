"""`python -m support.breaks NAME`: something that breaks the law is done under the watch, in a process of its own.

It prints what was noticed. A process of its own, because the limits that end it are the process's.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable

from support import confined
from support.confined import Watch, attempt


def say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def for_ever() -> int:
    while True:
        pass


# What is done, and what the watch says of it.
BREAKS: dict[str, tuple[Callable[[], object], str]] = {
    "a program": (lambda: os.system("true"), "it did os.system"),
    "a file": (lambda: os.open(os.devnull, os.O_WRONLY), "it did open '/dev/null' to write"),
    "code": (lambda: eval("1 + 1"), "it did compile"),  # noqa: S307
    "a pickle": (lambda: pickle.loads(pickle.dumps(os.getcwd)), "it did pickle.find_class"),  # noqa: S301
    "a crash": (lambda: [][1], "IndexError at breaks.py"),
    "memory": (lambda: bytearray(2**30), "memory"),
    "time": (for_ever, "time"),
    "an escape": (lambda: say("\x1b[2J"), "it said '\\x1b'"),
    "a fault of ours": (lambda: say("this is a fault of ours"), "nobody thought of it"),
    "nothing": (lambda: say("all is well"), ""),
}


if __name__ == "__main__":
    confined.PATIENCE = 0.1
    action, _ = BREAKS[sys.argv[1]]
    print(attempt(lambda: int(bool(action())), 0, Watch()).broken)
