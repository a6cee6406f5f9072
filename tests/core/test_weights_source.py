"""Weights are of the file that was opened, whatever becomes of it or of its name meanwhile."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halfpint.core.errors import WeightsRefused
from halfpint.core.network.layers import Constant, Conv2d, ConvTranspose2d, layers_of
from halfpint.core.samples.yolov5 import SampleSpec, sample
from halfpint.core.weights.writer import checkpoint_bytes
from halfpint.core.weights_source import WeightsSource

Change = Callable[[Path], object]


@pytest.fixture
def weights(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny, tmp_path / "weights.pt"))


def replaced(path: Path) -> None:
    """Another file of the same length and times comes under its name."""
    status = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def written_to(path: Path) -> None:
    """Its bytes change, and its writer sets its time back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        file.write(b"\0" * 8)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def appended_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def own_layers(source: WeightsSource) -> list[Conv2d | ConvTranspose2d]:
    return [layer for layer in layers_of(source.network.body) if not isinstance(layer, Constant)]


CHANGES: list[tuple[Change, str]] = [
    (replaced, "was replaced while it was read"),
    (cut_short, "was cut short while it was read|changed while it was read"),
    (emptied, "was cut short while it was read|changed while it was read"),
    (written_to, "changed while it was read|does not match its checksum"),
    (appended_to, "changed while it was read"),
    (Path.unlink, "was removed while it was read"),
]


def test_the_hash_is_that_of_the_file_and_no_layer_is_left_out(weights: Path) -> None:
    with WeightsSource(weights) as source:
        steps = list(source.load())
    assert [step.done for step in steps] == list(range(1, steps[-1].total + 1))
    assert source.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
@pytest.mark.parametrize("when", ["opened", "checked and a layer read", "all layers but one read"])
def test_a_file_that_is_changed_meanwhile(weights: Path, change: Change, told: str, when: str) -> None:
    with WeightsSource(weights) as source:
        steps = source.load()
        if when != "opened":
            total = next(steps).total
            for _ in range(total - 2 if when.startswith("all") else 0):
                next(steps)
        change(weights)
        with pytest.raises(WeightsRefused, match=told):
            for _ in steps:
                pass
    assert not source.sha256


def test_the_other_file_s_weights_are_never_taken(weights: Path, tmp_path: Path) -> None:
    with WeightsSource(weights) as source:
        for _ in source.load():
            pass
        wanted = [layer.weights.weight for layer in own_layers(source)]
    with WeightsSource(weights) as source:
        steps = source.load()
        next(steps)
        other = tmp_path / "other.pt"
        other.write_bytes(checkpoint_bytes(sample(SampleSpec(width=0.125, names=("a",))).root))
        other.rename(weights)
        with pytest.raises(WeightsRefused, match="replaced"):
            for _ in steps:
                pass
        # They are read of the open file, to its end.
        for layer, weight in zip(own_layers(source), wanted, strict=True):
            np.testing.assert_array_equal(layer.weights.weight, weight)
