"""The file under verification: where it is, what it should be, and how to load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..artifacts.contract import Contract
from ..formats import Format, Kind
from ..shapes import InputShape
from .loaded import Loaded


class CannotLoad(Exception):
    """The runtime does not take the file; the message is its own, shortened."""


@dataclass(frozen=True)
class Subject:
    """A finished file. `shape`: the size it was made for. `contract`: what it must keep (None: not known).

    `device`: where it runs, `cpu` or a CUDA device's index.
    """

    path: Path
    kind: Kind
    shape: InputShape
    contract: Contract | None
    device: str = "cpu"

    @property
    def fixed(self) -> bool:
        """Whether it takes its own size alone. TorchScript declares none, and ours takes any."""
        return self.contract is not None and self.contract.fixed_shape is not None


def load(path: Path, format: Format, device: str = "cpu") -> Loaded:
    """Load a finished file in its runtime. Raises `CannotLoad`."""
    try:
        if format is Format.ONNX:
            from .loaded_onnx import LoadedOnnx

            return LoadedOnnx.read(path, device)
        from .loaded_torchscript import LoadedTorchScript

        return LoadedTorchScript(path, device)
    except Exception as error:  # whatever a runtime raises, the file cannot be used
        raise CannotLoad(told(error)) from error


def told(error: BaseException) -> str:
    """The first line of a runtime's error, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
