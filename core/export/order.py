"""One artifact of a job: what it promises, its bytes, and the file that verification will look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import JobFailed
from ..events import Note
from ..formats import Format, Kind
from ..images.synthetic import structured_batch
from ..limits import ran_out_of_memory
from ..network.layers import Constant, layers_of
from ..network.network import Network
from ..precisions import REFERENCE, Precision, cannot_hold
from ..precisions.dtype import DType
from ..publication.draft import Draft
from ..spec import ExportSpec
from ..targets.contract import Contract, contract
from ..targets.provenance import Provenance
from ..units import megabytes
from ..verify.subject import Subject
from .source import LoadedWeights
from .stages import Work, stage


@dataclass(frozen=True, eq=False)
class Order:
    """One artifact to make: of which weights, by which spec, in which format and precision."""

    spec: ExportSpec
    loaded: LoadedWeights
    kind: Kind

    @property
    def path(self) -> Path:
        return self.spec.path(self.kind)

    @property
    def io(self) -> DType:
        """What it takes and gives."""
        return self.spec.io(self.kind.precision)

    def contract(self) -> Contract:
        """What the artifact will take and give. TorchScript takes any size, so its sizes are dynamic."""
        dynamic = self.spec.dynamic or self.kind.format is Format.TORCHSCRIPT
        return contract(self.loaded.network, self.loaded.shape, self.io, dynamic=dynamic)

    def subject(self, path: Path) -> Subject:
        """The finished file at `path`, for verification."""
        declared = self.contract() if self.kind.format is Format.ONNX else None
        return Subject(path, self.kind, self.loaded.shape, declared, self.spec.device)

    def bytes(self) -> bytes:
        """The artifact, serialized. Raises `JobFailed` for weights that its precision cannot hold."""
        network, shape = self.loaded.network, self.loaded.shape
        _check_range(network, self.kind.precision)
        provenance = Provenance(self.spec.weights.name, self.loaded.sha256)
        if self.kind.format is Format.ONNX:
            from ..targets.onnx.file import onnx_bytes

            return onnx_bytes(network, self.contract(), self.kind.precision, self.spec.opset, shape, provenance)
        try:
            from ..targets.torchscript.file import torchscript_bytes
        except ImportError as error:
            if ran_out_of_memory(error):
                raise MemoryError from error
            raise JobFailed(
                f"TorchScript needs torch, which cannot be imported: {error}", "pip install torch"
            ) from error
        return torchscript_bytes(network, self.kind.precision, shape, provenance, self.io, device=self.spec.device)


@dataclass(frozen=True)
class Made:
    """An artifact that is written but not verified yet."""

    order: Order
    nbytes: int
    simplified: bool


def make(order: Order, draft: Draft) -> Work[Made]:
    """Write an artifact to its draft, simplified if that was asked for."""
    data = yield from stage("write", order.path.name, _write(order, draft))
    simplified = False
    if order.spec.simplify and order.kind.format is Format.ONNX:
        data, simplified = yield from stage("simplify", order.path.name, _simplify(order, data, draft))
    return Made(order, len(data), simplified)


def _write(order: Order, draft: Draft) -> Work[tuple[bytes, str]]:
    yield from ()
    data = order.bytes()
    draft.write(data)
    return data, megabytes(len(data))


def _simplify(order: Order, data: bytes, draft: Draft) -> Work[tuple[tuple[bytes, bool], str]]:
    from ..targets.onnx.passes.simplify import simplify

    shape = order.loaded.shape
    result = simplify(data, structured_batch(*shape.dims[1:], 0, shape.batch))
    if result.kept:
        draft.write(result.data)
    else:
        yield Note("info", f"{order.path.name}: {result.message}")
    return (result.data, result.kept), result.message


def _check_range(network: Network, precision: Precision) -> None:
    """Raises `JobFailed` for weights beyond what a precision holds. The reference one takes them as they are."""
    if precision == REFERENCE:
        return
    for layer in layers_of(network.body):
        if not isinstance(layer, Constant):
            largest = max(float(np.abs(array).max(initial=0)) for array in layer.weights)
            if largest > precision.largest:
                raise cannot_hold(precision, f"a weight of {layer.name}", largest, f"export it in {REFERENCE.label}")
