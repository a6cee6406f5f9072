"""A small environment for each consumer that needs one, made once and kept in pytest's cache."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from .consumer import Consumer


class Unavailable(Exception):
    """This consumer cannot be had here; the message says why."""


# What the extra `consumers` installs; without it, nothing is downloaded for the tests either.
_EXTRA = ("openvino", "ncnn", "pnnx")


def python_of(consumer: Consumer, cache: Path) -> Path:
    """The interpreter that has the consumer. Raises `Unavailable`."""
    missing = [name for name in consumer.modules if importlib.util.find_spec(name) is None]
    if missing or (consumer.pins and not extra_is_there()):
        raise Unavailable("pip install '.[consumers]' brings it")
    return _environment(consumer.pins, cache) if consumer.pins else Path(sys.executable)


def extra_is_there() -> bool:
    """Whether the extra `consumers` is installed."""
    return all(importlib.util.find_spec(name) for name in _EXTRA)


def _environment(pins: tuple[str, ...], cache: Path) -> Path:
    folder = cache / "-".join((f"python{sys.version_info[0]}.{sys.version_info[1]}", *pins))
    python, complete = folder / "bin" / "python", folder / "complete"
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
            install = [*_pip(), "--python", str(python), "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
            done = subprocess.run([*install, "--no-compile", *pins], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"pip did not install {pins[0]}: {done.stderr.strip().splitlines()[-1]}")
            complete.touch()
    return python


def _pip() -> list[str]:
    """pip of this environment, or of the Python that it was made from."""
    own = importlib.util.find_spec("pip") is not None
    return [sys.executable if own else getattr(sys, "_base_executable", sys.executable), "-m", "pip"]
