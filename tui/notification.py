"""A person who looks elsewhere learns that a job is over: by the bell, and by a notification of the terminal."""

from __future__ import annotations

import os
from typing import Any

from textual.app import App

from ..core.text import escaped

OFF = ("HALFPINT_NOTIFY", "off")  # the variable of the environment, and its value for the bell alone


def announce(app: App[Any], text: str) -> None:
    """Ring, and have the terminal show the text: OSC 9, as iTerm2 has it; others ignore it."""
    app.bell()
    variable, off = OFF
    driver = app._driver  # Textual has no other way to write what is for the terminal alone
    if driver is not None and os.environ.get(variable) != off:
        driver.write(f"\x1b]9;{escaped(text)}\x07")
