"""A service in a sandbox that does what a hostile file would: `python -m support.misbehaving PARENT DEVICE`."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from halfpint.core.errors import BadRequest
from halfpint.core.sandbox.child import Answer, serve
from halfpint.core.sandbox.wire import Array


def echo(_: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
    return {"pid": os.getpid()}, arrays


def overwrite(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    """Write into a file that is there, as `torch.from_file` does: mapped and shared."""
    with Path(said["path"]).open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:4] = b"EVIL"
    return {}, ()


def create(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    Path(said["path"]).write_bytes(b"EVIL")
    return {}, ()


def remove(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    Path(said["path"]).unlink()
    return {}, ()


def start(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    subprocess.run(["/bin/sh", "-c", "true"], check=True)
    return {}, ()


def connect(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    socket.create_connection(("127.0.0.1", said["port"]), timeout=5).close()
    return {}, ()


def allocate(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    np.ones(said["nbytes"] // 8)
    return {}, ()


def burn(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    while True:
        pass


def sleep(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    time.sleep(3600)
    return {}, ()


def crash(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    ctypes.string_at(1)
    return {}, ()


def leave(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    os._exit(7)


def chatter(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    """Print a lot to both outputs, as native libraries do."""
    for stream in (1, 2):
        for _line in range(1000):
            with open(stream, "wb", closefd=False, buffering=0) as file:
                try:
                    file.write(b"x" * 1000)
                except BlockingIOError:
                    break
    return {}, ()


def complain(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    raise BadRequest("it asks for the impossible", "ask for less")


def fail(_: Mapping[str, Any], __: Sequence[Array]) -> Answer:
    raise RuntimeError("the runtime says no")


def _is_answers(descriptor: int) -> bool:
    try:
        writes = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
        return writes and stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def lie(said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
    """Answer with bytes of its own making, past the wire's own checks."""
    (pipe,) = (
        number for path in Path("/proc/self/fd").iterdir() if (number := int(path.name)) > 2 and _is_answers(number)
    )
    text = said["text"].encode()
    os.write(pipe, struct.pack("<I", said.get("length", len(text))) + text)
    threading.Event().wait()
    return {}, ()


if __name__ == "__main__":
    functions = (echo, overwrite, create, remove, start, connect, allocate, burn, sleep, crash, leave, chatter)
    more = (complain, fail, lie)
    serve({each.__name__: each for each in (*functions, *more)}, int(sys.argv[1]), sys.argv[2])
