"""`python -m halfpint.core.foreign.serve PARENT DEVICE DESCRIPTOR…`: the sandbox in which a file of others is opened.

It reads the file once, looks at it as data, and from then on works on what it looked at. Runtimes are imported by a
request of their own, before the file is handed to them, since their start is not the file's doing.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArtifactRefused
from ..sandbox.child import Answer, serve
from ..sandbox.wire import Array
from ..targets import recognised
from ..targets.contract import Contract

if TYPE_CHECKING:
    from ..targets.loaded import Lifted, Loaded, Runner
    from ..targets.target import Files, Target
    from .quantise import Quantising

_HEAD = 64  # bytes by which a target knows a file of its own


class _Service:
    """The files of one artifact, from their bytes to their answers. Each method answers the request of its name."""

    def __init__(self, descriptors: Sequence[int], device: str) -> None:
        self._descriptors = descriptors
        self._device = device
        self._target: Target | None = None
        self._files: Files = ()
        self._loaded: Loaded | None = None
        self._copies: dict[str, Runner | Lifted] = {}
        self._quantising: Quantising | None = None

    def look(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Look at the file as data: which target's it is. `folder`: where it lies. Raises `ArtifactRefused`."""
        self._target, files = self._read()
        self._files = self._target.checked(files, Path(said["folder"]))
        return {"target": self._target.name}, ()

    def info(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Its facts, read as data. Nothing else can be asked afterwards. Raises `ArtifactRefused`."""
        target, files = self._read()
        return {"target": target.name, "info": target.info(files).to_dict()}, ()

    def _read(self) -> tuple[Target, Files]:
        """The files of the artifact, and its target. Raises `ArtifactRefused` if one is missing."""
        files: list[bytes] = []
        for descriptor in self._descriptors:
            with os.fdopen(descriptor, "rb") as file:
                files.append(file.read())
        target = recognised(files[0][:_HEAD])
        wanted = len(target.suffixes)
        if len(files) < wanted:
            beside = " and ".join(target.suffixes[1:])
            raise ArtifactRefused(f"it needs its {beside} beside it, under the same name", "put it there")
        return target, tuple(files[:wanted])

    def start(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Import the runtime that the file is meant for."""
        assert self._target is not None
        for module in self._target.preload:
            importlib.import_module(module)
        return {}, ()

    def needs(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """What a model that is to be changed needs at its own size, or at `size` (height, width)."""
        from .halve import needs_of

        assert self._target is not None
        return needs_of(self._target, self._files, said)

    def load(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Load it: its contract, and what it says of itself."""
        assert self._target is not None
        self._loaded = loaded = self._target.open(self._files, self._device)
        origin = loaded.origin
        return {
            "contract": _described(loaded.contract),
            "precision": loaded.precision.name,
            "ours": loaded.ours,
            "source_sha256": origin.source_sha256,
            "head": origin.head,
            "shape": origin.shape and list(origin.shape.dims),
        }, ()

    def run(self, _: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
        """Its answer to an image."""
        assert self._loaded is not None
        return {}, self._loaded.run(arrays[0])

    def lift(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Load a copy whose declared sizes are lifted, with `constants` as inputs; whether there is one.

        `shown`: tensors within it that become outputs.
        """
        assert self._loaded is not None
        return self._kept("lifted", self._loaded.lifted(said["constants"], said["shown"]))

    def show(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Load it with tensors within it as outputs, `shown`; whether that is possible."""
        assert self._loaded is not None
        return self._kept("showing", self._loaded.showing(said["shown"]))

    def part(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Load the part that follows on a tensor within it; whether that is possible."""
        assert self._loaded is not None
        return self._kept("behind", self._loaded.behind(said["tensor"]))

    def run_copy(self, said: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
        """A copy's answer to an image. `further`: the names of the arrays that come after it, if there are any."""
        copy: Any = self._copies[said["copy"]]
        return {}, copy.run(arrays[0], *_named(said["further"], arrays[1:]))

    def weights(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Its stored weights, by name."""
        assert self._loaded is not None
        weights = self._loaded.weights()
        return {"names": list(weights)}, list(weights.values())

    def inspections(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """What else is known of the target's files."""
        assert self._loaded is not None
        self._copies.clear()
        return {"inspections": [astuple(found) for found in self._loaded.inspections()]}, ()

    def start_slimming(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Import what slims, which the file has no part in."""
        from . import slim  # noqa: F401

        return {}, ()

    def slim(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """The model without what no runtime needs, and its verification."""
        from .slim import slim_and_verify

        assert self._target is not None
        return slim_and_verify(self._target, self._files, said)

    def start_quantising(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """Import what quantises, which the file has no part in."""
        from . import quantise  # noqa: F401

        return {}, ()

    def quantise(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """Look at a model that is to be quantised, before it is given images."""
        from .quantise import Quantising

        assert self._target is not None
        self._quantising = Quantising(self._target, self._files, said)
        return self._quantising.described(), ()

    def image(self, said: Mapping[str, Any], arrays: Sequence[Array]) -> Answer:
        """One of the images that it is quantised on, and what its levels become."""
        assert self._quantising is not None
        self._quantising.take(arrays[0], said["mean"], said["divisor"])
        return {}, ()

    def more(self, _: Mapping[str, Any], __: Sequence[Array]) -> Answer:
        """The next step of quantising, or what came of it."""
        assert self._quantising is not None
        return self._quantising.more()

    def halve(self, said: Mapping[str, Any], _: Sequence[Array]) -> Answer:
        """The FP16 twin of an FP32 model, and its verification."""
        from .halve import halve_and_verify

        assert self._target is not None
        return halve_and_verify(self._target, self._files, said)

    def _kept(self, name: str, copy: Runner | Lifted | None) -> Answer:
        if copy is not None:
            self._copies[name] = copy
        return {"there": copy is not None}, ()


def _named(names: Sequence[str], arrays: Sequence[Array]) -> tuple[Mapping[str, Array], ...]:
    return (dict(zip(names, arrays, strict=True)),) if names else ()


def _described(contract: Contract | None) -> Mapping[str, Any] | None:
    return None if contract is None else asdict(contract)


def main() -> None:
    """Serve the file until the parent has no more requests."""
    parent, device, *descriptors = sys.argv[1:]
    service = _Service(tuple(map(int, descriptors)), device)
    questions = (name for name in vars(_Service) if not name.startswith("_"))
    serve({name: getattr(service, name) for name in questions}, int(parent), device)


if __name__ == "__main__":
    main()
