"""Checkpoints with recorded answers, opened and read in the ways that tests want."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpint.core.families import identify, open_weights
from halfpint.core.network.network import Network

Array = NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and the answers that the public code gave to an image."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def image(self) -> Array:
        return np.load(self.path.with_suffix(".npz"))["image"]

    @property
    def answers(self) -> list[Array]:
        with np.load(self.path.with_suffix(".npz")) as recorded:
            return [recorded[name] for name in ("out0", "out1") if name in recorded]


def checkpoints_in(folder: Path) -> list[Checkpoint]:
    """The pairs of NAME.pt and NAME.npz in a folder."""
    return [Checkpoint(path) for path in sorted(folder.glob("*.pt")) if path.with_suffix(".npz").exists()]


@contextmanager
def network_of(path: Path) -> Iterator[Network]:
    """The network of a weights file, as long as the file is open."""
    with open_weights(path) as archive:
        yield identify(archive).network()


def nrmse(actual: Array, expected: Array) -> float:
    """Root mean square difference / standard deviation of `expected`."""
    difference = actual.astype(np.float64) - expected
    return float(np.sqrt(np.mean(difference**2)) / np.std(expected, dtype=np.float64))
