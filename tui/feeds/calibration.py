"""Calibrating a GPU from the screen: the command, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from threading import Thread

from textual.message import Message


class Calibrated(Message):
    """A calibration is over: what it said, and whether it worked."""

    def __init__(self, text: str, worked: bool) -> None:
        super().__init__()
        self.text, self.worked = text, worked


def calibrate(device: str, post: Callable[[Message], object]) -> None:
    """Run `halfpint calibrate` beside the screen. `post`: takes messages from any thread."""
    Thread(target=_run, args=(device, post), name="calibration", daemon=True).start()


def _run(device: str, post: Callable[[Message], object]) -> None:
    command = [sys.executable, "-P", "-m", "halfpint.tui.entry", "calibrate", "--device", device]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    post(Calibrated((result.stdout + result.stderr).strip(), result.returncode == 0))
