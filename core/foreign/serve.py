"""`python -m halfpint.core.foreign.serve PARENT DEVICE DESCRIPTOR`: the sandbox in which a file of others is opened.

It reads the file once, looks at it as data, and from then on works on what it looked at. Runtimes are imported by a
request of their own, before the file is handed to them, since their start is not the file's doing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArtifactRefused
from ..formats import Format
from ..sandbox.child import Answer, serve
from ..sandbox.wire import Array
from ..targets.contract import Contract

if TYPE_CHECKING:
    from onnx import ModelProto

    from ..targets.loaded import Lifted, Loaded

_ZIP, _MOST_ONNX = b"PK\x03\x04", 2 * 2**30


class _Service:
    """One file, from its bytes to its answers. Each method answers the request of its name."""

    def __init__(self, descriptor: int, device: str) -> None:
        self._descriptor = descriptor
        self._device = device
        self._data = b""
        self._model: ModelProto | None = None
        self._loaded: Loaded | None = None
        self._lifted: Lifted | None = None

    def look(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Look at the file as data: which format it is. `folder`: where it lies. Raises `ArtifactRefused`."""
        with os.fdopen(self._descriptor, "rb") as file:
            self._data = file.read()
        if self._data.startswith(_ZIP):
            from ..targets.torchscript.untrusted.archive import checked_torchscript

            self._data = checked_torchscript(self._data)
            return {"format": Format.TORCHSCRIPT}, ()
        from ..targets.onnx.untrusted.file import read_onnx

        self._model = read_onnx(self._data, Path(said["folder"]))
        self._data = self._model.SerializeToString()
        return {"format": Format.ONNX}, ()

    def start(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Import the runtime that the file is meant for."""
        if self._model is None:
            from ..targets.torchscript import loaded as loaded_torchscript  # noqa: F401
        else:
            from ..targets.onnx import loaded as loaded_onnx  # noqa: F401
        return {}, ()

    def needs(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """What an ONNX model needs at its own size, or at `size` (height, width)."""
        from ..targets.onnx.untrusted.needs import needs

        height, width = said["size"]
        return asdict(needs(self._onnx(), (height, width))), ()

    def load(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Load it: its contract, and what it says of itself."""
        if self._model is None:
            from ..targets.torchscript.loaded import LoadedTorchScript

            loaded: Loaded = LoadedTorchScript(self._data, self._device)
        else:
            from ..targets.onnx.loaded import LoadedOnnx

            loaded = LoadedOnnx(self._data, self._device)
        self._loaded = loaded
        origin = loaded.origin
        return {
            "contract": _described(loaded.contract),
            "precision": loaded.precision.name,
            "ours": loaded.ours,
            "source_sha256": origin.source_sha256,
            "shape": origin.shape and list(origin.shape.dims),
        }, ()

    def run(self, _: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
        """Its answer to an image."""
        assert self._loaded is not None
        return {}, self._loaded.run(arrays[0])

    def lift(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Load a copy whose declared sizes are lifted, with `constants` as inputs; whether there is one."""
        assert self._loaded is not None
        self._lifted = self._loaded.lifted(said["constants"])
        return {"lifted": self._lifted is not None}, ()

    def run_lifted(self, said: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
        """That copy's answer to an image. `further`: the names of the arrays that come after it."""
        assert self._lifted is not None
        return {}, self._lifted.run(arrays[0], dict(zip(said["further"], arrays[1:], strict=True)))

    def weights(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Its stored weights, by name."""
        assert self._loaded is not None
        weights = self._loaded.weights()
        return {"names": list(weights)}, list(weights.values())

    def complaint(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """What the format's own checker says against it."""
        assert self._loaded is not None
        self._lifted = None
        return {"complaint": self._loaded.complaint()}, ()

    def halve(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """The FP16 twin of an FP32 model, and its verification."""
        from .halve import halve_and_verify

        return halve_and_verify(self._onnx(), self._data, said)

    def _onnx(self) -> ModelProto:
        if self._model is None:
            raise ArtifactRefused("it is a TorchScript file, and only ONNX files are halved", "name an .onnx file")
        return self._model


def _described(contract: Contract | None) -> Mapping[str, Any] | None:
    return None if contract is None else asdict(contract)


def main() -> None:
    """Serve the file until the parent has no more requests."""
    parent, device, descriptor = sys.argv[1:]
    service = _Service(int(descriptor), device)
    questions = (name for name in vars(_Service) if not name.startswith("_"))
    serve({name: getattr(service, name) for name in questions}, int(parent), device)


if __name__ == "__main__":
    main()
