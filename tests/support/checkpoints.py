"""Checkpoints with recorded answers, opened and read in the ways that tests want."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpint.core.families import identify, open_weights
from halfpint.core.network.network import Network
from support import dbnet

Array = NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and the answers that the public code gave to an image.

    `recorded`: the file with the answers. `found`: gives the checkpoint's file, which may be made only then.
    """

    recorded: Path
    found: Callable[[], Path]

    @property
    def path(self) -> Path:
        return self.found()

    @property
    def name(self) -> str:
        return self.recorded.stem

    @property
    def image(self) -> Array:
        return np.load(self.recorded)["image"]

    @property
    def answers(self) -> list[Array]:
        """In FP32. Of two heads, those of the one that NMS follows (`raw0`)."""
        return self._recorded("")

    @property
    def exact_answers(self) -> list[Array]:
        """In FP64; nothing where they were not recorded."""
        return self._recorded("_f64")

    def _recorded(self, suffix: str) -> list[Array]:
        with np.load(self.recorded) as recorded:
            first = "raw0" if "raw0" in recorded else "out0"
            return [recorded[f"{name}{suffix}"] for name in (first, "out1") if f"{name}{suffix}" in recorded]


def checkpoints_in(folder: Path) -> list[Checkpoint]:
    """The pairs of NAME.pt and NAME.npz in a folder."""
    pairs = ((path.with_suffix(".npz"), path) for path in sorted(folder.glob("*.pt")))
    return [Checkpoint(recorded, partial(Path, path)) for recorded, path in pairs if recorded.exists()]


def dbnet_checkpoints() -> list[Checkpoint]:
    """The DBNet variants, whose checkpoints are too large to lie here and are made when they are asked for."""
    return [Checkpoint(dbnet.FIXTURES / f"{name}.npz", partial(dbnet.checkpoint, name)) for name in dbnet.VARIANTS]


@contextmanager
def network_of(path: Path) -> Iterator[Network]:
    """The network of a weights file, as long as the file is open."""
    with open_weights(path) as archive:
        yield identify(archive).network()


def nrmse(actual: Array, expected: Array) -> float:
    """Root mean square difference / standard deviation of `expected`."""
    difference = actual.astype(np.float64) - expected
    return float(np.sqrt(np.mean(difference**2)) / np.std(expected, dtype=np.float64))
