"""Where a job may run, as people say it: `cpu`, a GPU's index, several of them (`0,1`), or `auto`."""

from __future__ import annotations

CPU, AUTO = "cpu", "auto"


def one(text: str) -> bool:
    """Whether it is one device, and not a choice among several."""
    return text == CPU or text.isdecimal()


def known(text: str) -> bool:
    """Whether it says where a job may run."""
    return text in (CPU, AUTO) or all(index.isdecimal() for index in text.split(","))
