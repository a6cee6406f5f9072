"""The size of every artifact that a spec would make, before it exists, and whether the disk has room for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from .formats import Format, Kind
from .network.network import Network
from .precisions import ALL_PRECISIONS, Precision
from .readings.size_constants import size_constants
from .shapes import DISK, Finding, InputShape, Level
from .spec import ExportSpec
from .targets.contract import contract
from .targets.onnx.model import onnx_model
from .targets.onnx.nbytes import body_nbytes, initializers_nbytes, model_nbytes
from .targets.onnx.size_initializers import initializer
from .targets.onnx.writer import Model
from .targets.provenance import Provenance, metadata, torchscript_config
from .targets.torchscript.nbytes import torchscript_nbytes
from .units import megabytes

_MANIFEST_NBYTES = 64_000  # some thousands of bytes an artifact, and room for the drafts' folder entries
_CONTRACTS = len({precision.io for precision in ALL_PRECISIONS})  # files differ in what they take and give
_SHA256 = "0" * 64  # its length is all that counts


@dataclass(frozen=True)
class ArtifactSize:
    """An artifact that does not exist yet: where it will lie, and its bytes.

    `exact`: to the byte. Otherwise `note` says how far the file may be off, or which way.
    """

    kind: Kind
    path: Path
    nbytes: int
    exact: bool
    note: str = ""


class Sizes:
    """The sizes of one network's artifacts. Asked again, it reuses what does not depend on the size of the image."""

    def __init__(self, network: Network) -> None:
        self._network = network
        # A written model, and the bytes of its graph without what follows from the size of the image.
        self._written: dict[object, tuple[Model, int]] = {}
        # What the files of one size have in common: as many as differ in their types, of the size asked for last.
        self._contract = lru_cache(_CONTRACTS)(partial(contract, network))
        self._varying = lru_cache(1)(partial(_varying_nbytes, network))

    def artifacts(self, spec: ExportSpec) -> tuple[ArtifactSize, ...]:
        """Every artifact of the spec, in its order. Raises `BadRequest` if the network cannot take its size."""
        return tuple(self.artifact(spec, kind) for kind in spec.kinds)

    def artifact(self, spec: ExportSpec, kind: Kind) -> ArtifactSize:
        """One artifact, whether the spec asks for its kind or not. Raises `BadRequest` as `artifacts` does."""
        if kind.format is Format.TORCHSCRIPT:
            note = "predicted to within 0.5 %"
            return ArtifactSize(kind, spec.path(kind), self._torchscript(spec, kind.precision), False, note)
        note = "before onnxsim, whose result is kept only if it is no larger" if spec.simplify else ""
        return ArtifactSize(kind, spec.path(kind), self._onnx(spec, kind), not spec.simplify, note)

    def _torchscript(self, spec: ExportSpec, precision: Precision) -> int:
        config = torchscript_config(
            self._network, precision, self._shape(spec), Provenance(spec.weights.name, _SHA256), spec.io(precision)
        )
        return torchscript_nbytes(self._network, config, precision)

    def _onnx(self, spec: ExportSpec, kind: Kind) -> int:
        network, shape = self._network, self._shape(spec)
        provenance = Provenance(spec.weights.name, _SHA256)
        promised = self._contract(shape, spec.io(kind.precision), dynamic=spec.dynamic)
        varying = 0 if spec.dynamic else self._varying(shape)
        key = (kind.precision, spec.io(kind.precision), spec.opset, spec.dynamic)
        if key not in self._written:
            model = onnx_model(network, promised, kind.precision, spec.opset, shape, provenance)
            self._written[key] = model, body_nbytes(model.graph) - varying
        model, same = self._written[key]
        ports = zip(model.outputs, promised.outputs, strict=True)
        model = replace(
            model,
            input=replace(model.input, dims=promised.input.dims),
            outputs=tuple(replace(port, dims=output.dims) for port, output in ports),
            metadata=metadata(network, kind.precision, shape, provenance),
        )
        return model_nbytes(model, same + varying)

    def _shape(self, spec: ExportSpec) -> InputShape:
        return InputShape(spec.batch, self._network.channels, spec.height, spec.width)


def _varying_nbytes(network: Network, shape: InputShape) -> int:
    """The bytes of what follows from the size of the image in a file for that size."""
    return initializers_nbytes(map(initializer, size_constants(network, shape.dims)))


def disk_finding(artifacts: Sequence[ArtifactSize], free: int | None) -> Finding | None:
    """An error if the artifacts need more than the `free` bytes of their folder (None: not known), else None.

    They are written beside what they replace, so that nothing is freed by overwriting.
    """
    needed = sum(artifact.nbytes for artifact in artifacts) + _MANIFEST_NBYTES
    if free is None or needed <= free:
        return None
    folder = artifacts[0].path.parent
    message = f"the files need {megabytes(needed)}, {megabytes(free)} are free in {folder}"
    return Finding(Level.ERROR, DISK, message, "free some space, or choose another folder with --out")
