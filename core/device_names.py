"""Where a job may run, as people say it: `cpu`, a GPU's index, several of them (`0,1`), `auto`, a cluster's address."""

from __future__ import annotations

CPU, AUTO = "cpu", "auto"


def one(text: str) -> bool:
    """Whether it is one device, and not a choice among several."""
    return without_gpu(text) or text.isdecimal()


def without_gpu(text: str) -> bool:
    """Whether it needs no GPU of this machine: the CPU, or a cluster."""
    return text == CPU or is_cluster(text)


def is_cluster(text: str) -> bool:
    """Whether it is a cluster's address."""
    return "://" in text


def known(text: str) -> bool:
    """Whether it says where on a machine a job may run."""
    return text in (CPU, AUTO) or all(index.isdecimal() for index in text.split(","))
