"""A model's folder, as ModelScope and others lay it out: which file in it holds the weights, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import WeightsRefused
from ..untrusted import read_bounded
from .discover import SUFFIXES

_USUAL = ("pytorch_model.pt", "pytorch_model.bin", "pytorch_model.safetensors", "model.safetensors")
_CONFIGURATION = "configuration.json"
_MAX_CONFIGURATION_NBYTES = 1024 * 1024


def weights_file(path: Path) -> Path:
    """The weights file that is meant: `path` itself, or the one in the folder `path`.

    Raises `WeightsRefused` for a folder with no such file, or with several and none of the usual name, and for a path
    that cannot be looked at.
    """
    try:
        if not path.is_dir():
            return path
        for name in _USUAL:
            if (path / name).is_file():
                return path / name
        found = sorted(file.name for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
    except OSError as error:
        raise WeightsRefused(
            f"{path} cannot be read: {error.strerror}", "check the path and its permissions"
        ) from error
    if len(found) == 1:
        return path / found[0]
    if not found:
        raise WeightsRefused(f"{path} is a folder without a weights file", "name a weights file, such as best.pt")
    raise WeightsRefused(f"{path} is a folder with {len(found)} weights files", f"name one, such as {found[0]}")


def configuration(weights: Path) -> dict[str, Any]:
    """What `configuration.json` beside a weights file says; nothing where there is none that can be read."""
    try:
        said = json.loads(read_bounded(weights.with_name(_CONFIGURATION), _MAX_CONFIGURATION_NBYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
