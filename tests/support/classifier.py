"""A small classifier's checkpoint in YOLOv5's layout, since none lies in the fixtures."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch

from . import witness as w


@cache
def checkpoint() -> Path:
    """Backbone and head of a `-cls` model, 8 to 64 channels, 7 classes, stride 32; made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="halfpint-classifier-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.manual_seed(0)
    layers: list[tuple[int, torch.nn.Module]] = [(-1, w.Conv(3, 8, 6, 2, 2))]
    for before, after in ((8, 8), (8, 16), (16, 32), (32, 64)):
        layers += [(-1, w.Conv(before, after, 3, 2)), (-1, w.C3(after, after))]
    model = w.ClassificationModel([*layers, (-1, w.Classify(64, 7))], 7, 32)
    w.save(w.settled(model, (96, 64)), folder / "classifier.pt")
    return folder / "classifier.pt"
