"""DBNet checkpoints in ModelScope's layout, with weights that every machine draws alike."""

from __future__ import annotations

import atexit
import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpint.core.weights.writer import NewTensor, checkpoint_bytes

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dbnet"
VARIANTS = ("resnet18", "resnet50_vlpt", "proxylessnas")
# Gains of the convolutions and of the last one, under which the recorded maps are neither flat nor full.
_GAINS = {"resnet18": (1.0, 0.02), "resnet50_vlpt": (0.7, 0.5), "proxylessnas": (0.6, 2.0)}

State = dict[str, NDArray[Any]]


@cache
def _weights(variant: str) -> Mapping[str, NDArray[Any]]:
    """Seeded by each key's CRC; shapes and dtypes as the public model's own state dict lists them."""
    listed: dict[str, tuple[list[int], str]] = json.loads((FIXTURES / f"{variant}.json").read_text())
    return {key: _values(key, tuple(shape), dtype, *_GAINS[variant]) for key, (shape, dtype) in listed.items()}


def _values(key: str, shape: tuple[int, ...], dtype: str, gain: float, last_gain: float) -> NDArray[Any]:
    if dtype == "int64":
        return np.array(100)
    drawn = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("running_var"):
        drawn = 0.5 + np.abs(drawn)
    elif len(shape) == 1:
        drawn = 1 + 0.1 * drawn if key.endswith("weight") else 0.1 * drawn
    else:
        drawn *= np.sqrt(2 / np.prod(shape[1:])) * (last_gain if key.startswith("decoder.binarize.6") else gain)
    return drawn.astype(np.float32)


def state_dict(variant: str) -> State:
    """The weights by key; the dict may be changed, its arrays may not."""
    return dict(_weights(variant))


def written(root: object, path: Path) -> Path:
    """Write arrays, in whatever dicts they lie, as torch.save does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(checkpoint_bytes(_as_tensors(root)))
    return path


def _as_tensors(value: object) -> object:
    if isinstance(value, dict):
        return {key: _as_tensors(item) for key, item in value.items()}
    return NewTensor(value) if isinstance(value, np.ndarray) else value


@cache
def checkpoint(variant: str) -> Path:
    """The checkpoint of a variant, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="halfpint-dbnet-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return written(state_dict(variant), folder / f"{variant}.pt")


def safetensors(state: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> bytes:
    """The arrays as a safetensors file, by the format's description."""
    spelled = {"float32": "F32", "float16": "F16", "int64": "I64"}
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    place = 0
    for key, array in state.items():
        offsets = [place, place + array.nbytes]
        header[key] = {"dtype": spelled[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        place += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in state.values())
