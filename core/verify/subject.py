"""The file under verification: where it is, what it should be, and how to load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..kinds import Kind
from ..limits import ran_out_of_memory
from ..network.suppression import Selection
from ..shapes import InputShape
from ..targets.contract import Contract
from ..targets.loaded import Loaded, told


class CannotLoad(Exception):
    """The runtime does not take the file; the message is its own, shortened."""


@dataclass(frozen=True)
class Subject:
    """A finished artifact: its files. `shape`: the size it was made for.

    `contract`: what it must keep (None: not known). `device`: where it runs, `cpu` or a CUDA device's index.
    """

    paths: tuple[Path, ...]
    kind: Kind
    shape: InputShape
    contract: Contract | None
    device: str = "cpu"

    @property
    def fixed(self) -> bool:
        """Whether it takes its own size alone. What declares none takes any, if it is ours."""
        return self.contract is not None and self.contract.fixed_shape is not None

    @property
    def nms(self) -> Selection | None:
        """What it does with its boxes itself, if anything."""
        return None if self.contract is None else self.contract.nms


def load(subject: Subject) -> Loaded:
    """Load an artifact that this process wrote, in its runtime. Raises `CannotLoad`.

    One that somebody else wrote is opened in a sandbox (`foreign/opened.py`).
    """
    try:
        return subject.kind.target.open(subject.paths, subject.device)
    except Exception as error:  # whatever a runtime raises, the file cannot be used
        if ran_out_of_memory(error):
            raise MemoryError from error
        raise CannotLoad(told(error)) from error
