"""A TorchScript file, loaded by torch."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ...precisions import Precision, storing
from ...precisions.dtype import FLOAT32, DType
from ...readings.torch_runner import torch_dtype
from ...shapes import InputShape
from ...text import in_utf8
from ..loaded import Inspection, Origin
from ..provenance import PRODUCER

Array = NDArray[Any]


class LoadedTorchScript:
    """A script module. Loading raises what torch raises for a file that it cannot take."""

    contract = None

    def __init__(self, source: Path | bytes, device: str = "cpu") -> None:
        """Load a file, or its bytes. `device`: `cpu`, or a CUDA device's index."""
        self._device = torch.device(device if device == "cpu" else f"cuda:{device}")
        if isinstance(source, Path) and in_utf8(str(source)) != str(source):
            source = source.read_bytes()  # torch opens files by names in UTF-8 alone
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        extra = {"config.txt": ""}
        self._module = torch.jit.load(file, map_location=self._device, _extra_files=extra)
        self._config = extra["config.txt"]

    @property
    def precision(self) -> Precision:
        return storing(_name(parameter.dtype) for parameter in self._module.parameters())

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """What `config.txt` inside the file says."""
        try:
            config = json.loads(self._config)
        except (ValueError, RecursionError):
            return {}
        return config if isinstance(config, dict) else {}

    @property
    def ours(self) -> bool:
        return str(self.config.get("producer", "")).startswith(PRODUCER)

    @property
    def origin(self) -> Origin:
        match self.config.get("shape"):
            case [int(batch), int(channels), int(height), int(width)]:
                shape = InputShape(batch, channels, height, width)
            case _:
                shape = None
        return Origin(str(self.config.get("source_sha256", "")), shape, str(self.config.get("head", "")))

    @property
    def io(self) -> DType:
        """What its image must be: for those of others what their weights are."""
        return self.precision.io if self.config.get("half_io", True) else FLOAT32

    def run(self, image: Array) -> tuple[Array, ...]:
        x = torch.from_numpy(image).to(self._device, torch_dtype(self.io))
        # Optimized execution would profile and recompile for every new size.
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # pyright: ignore[reportPrivateImportUsage]
            outputs = self._module(x)
        outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
        return tuple(y.cpu().numpy() for y in outputs)

    def lifted(self, constants: Collection[str], shown: Collection[str] = ()) -> None:
        """None: a script module declares no sizes."""

    def showing(self, shown: Collection[str]) -> None:
        """None: nothing in it suppresses boxes."""

    def behind(self, tensor: str) -> None:
        """None: nothing in it suppresses boxes."""

    def weights(self) -> Mapping[str, Array]:
        return {name: tensor.cpu().numpy() for name, tensor in self._module.state_dict().items()}

    def close(self) -> None:
        """Drop the module."""
        del self._module

    def inspections(self) -> Sequence[Inspection]:
        """None: the format has no checker."""
        return ()


def _name(dtype: torch.dtype) -> str:
    """A type's name in numpy, which is its own without the module's."""
    return str(dtype).removeprefix("torch.")
