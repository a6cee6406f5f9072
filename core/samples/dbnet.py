"""A sample DBNet state dict: the layout of ModelScope's cv_resnet18_ocr-detection-db-line-level, untrained weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..families.dbnet.model import needed
from ..weights.writer import NewTensor

VARIANT = "resnet18"
# The branch for the adaptive threshold has the shapes of the one that makes the map.
_BRANCH, _TRAINING_ONLY = "decoder.binarize.", "decoder.thresh."
# Of the last layer's weights: the map is neither flat nor full.
_LAST, _LAST_GAIN = "decoder.binarize.6.weight", 0.05


def sample(seed: int = 0) -> dict[str, NewTensor]:
    """A state dict with seeded random weights in FP32, by key."""
    random = np.random.default_rng(seed)
    return {key: NewTensor(_values(key, shape, random)) for key, shape in _layout()}


def _layout() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every key of the public model's state dict, and its shape."""
    shapes = dict(needed()[VARIANT])
    shapes |= {key.replace(_BRANCH, _TRAINING_ONLY): shape for key, shape in shapes.items() if key.startswith(_BRANCH)}
    for key, shape in shapes.items():
        yield key, shape
        if key.endswith("running_var"):
            yield key.replace("running_var", "num_batches_tracked"), ()


def _values(key: str, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.generic]:
    if key.endswith("num_batches_tracked"):
        return np.array(1, np.int64)
    if len(shape) == 4:
        gain = _LAST_GAIN if key == _LAST else 1.0
        scale = gain * math.sqrt(2 / math.prod(shape[1:]))
        return (scale * random.standard_normal(shape, np.float32)).astype(np.float32)
    # Batch norms: weight and variance near 1, bias and mean near 0.
    center = 1.0 if key.endswith(("weight", "running_var")) else 0.0
    return (center + random.uniform(-0.2, 0.2, shape)).astype(np.float32)
