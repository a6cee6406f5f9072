"""The file under verification: where it is, what it should be, and how to load it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..formats import Format, Kind
from ..limits import ran_out_of_memory
from ..shapes import InputShape
from ..targets.contract import Contract
from ..targets.loaded import Loaded, told


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


def load(subject: Subject) -> Loaded:
    """Load a file that this process wrote, in its runtime. Raises `CannotLoad`.

    One that somebody else wrote is opened in a sandbox (`foreign/opened.py`).
    """
    try:
        if subject.kind.format is Format.ONNX:
            from ..targets.onnx.loaded import LoadedOnnx

            return LoadedOnnx.read(subject.path, subject.device)
        from ..targets.torchscript.loaded import LoadedTorchScript

        return LoadedTorchScript(subject.path, subject.device)
    except Exception as error:  # whatever a runtime raises, the file cannot be used
        if ran_out_of_memory(error):
            raise MemoryError from error
        raise CannotLoad(told(error)) from error
