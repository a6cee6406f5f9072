"""Measuring a GPU from the screen: the command, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from threading import Thread

from textual.message import Message


class GpuMeasured(Message):
    """A measurement is over: what it said, and whether it worked."""

    def __init__(self, text: str, worked: bool) -> None:
        super().__init__()
        self.text, self.worked = text, worked


def measure_gpu(device: str, post: Callable[[Message], object]) -> None:
    """Run `halfpint measure-gpu` beside the screen. `post`: takes messages from any thread."""
    Thread(target=_run, args=(device, post), name="measure-gpu", daemon=True).start()


def _run(device: str, post: Callable[[Message], object]) -> None:
    command = [sys.executable, "-P", "-m", "halfpint.cli.entry", "measure-gpu", "--device", device]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    post(GpuMeasured((result.stdout + result.stderr).strip(), result.returncode == 0))
