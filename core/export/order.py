"""One artifact of a job: what it promises, its bytes, and the file that verification will look at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ..events import Note
from ..images.synthetic import structured_batch
from ..kinds import Kind
from ..network.layers import Constant, layers_of
from ..network.network import Network
from ..precisions import REFERENCE, Precision, cannot_hold
from ..publication.draft import Draft
from ..spec import ExportSpec
from ..targets.budget import Examples
from ..targets.contract import Contract
from ..targets.provenance import Provenance
from ..targets.target import Build, Files
from ..targets.trade import Trade
from ..units import megabytes
from ..verify.subject import Subject
from .source import LoadedWeights
from .stages import Emit, stage


@dataclass(frozen=True, eq=False)
class Order:
    """One artifact to make: of which weights, by which spec, in which format and precision."""

    spec: ExportSpec
    loaded: LoadedWeights
    kind: Kind

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.spec.paths(self.kind)

    @property
    def path(self) -> Path:
        return self.spec.path(self.kind)

    @property
    def build(self) -> Build:
        """By what it is made."""
        return self.spec.recipe.build(self.kind, self.loaded.network.channels)

    def contract(self) -> Contract:
        """What the artifact will take and give."""
        return self.build.contract(self.loaded.network)

    def subject(self, paths: tuple[Path, ...]) -> Subject:
        """The finished files at `paths`, for verification."""
        declared = self.contract() if self.kind.target.declares_sizes else None
        return Subject(paths, self.kind, self.loaded.shape, declared, self.spec.device)

    def write(self, files: Sequence[IO[bytes]]) -> None:
        """Write the artifact to its files. Raises `JobFailed` for weights that its precision cannot hold."""
        _check_range(self.loaded.network, self.kind.precision)
        self.kind.target.write(self.loaded.network, self.build, self._provenance, files)

    def write_on_images(self, files: Sequence[IO[bytes]], examples: Examples) -> Trade:
        """Write an artifact that needs images; the trade that was made. Raises `JobFailed` also if the budget cannot be
        kept.
        """
        provenance = Provenance(self.spec.weights.name, self.loaded.sha256)
        return self.kind.target.write_on_images(self.loaded.network, self.build, provenance, files, examples)

    def in_memory(self, build: Build | None = None) -> Files:
        """The bytes of its files, where no file is to be made. `build`: another way. Raises what `write` raises."""
        _check_range(self.loaded.network, self.kind.precision)
        return self.kind.target.in_memory(self.loaded.network, build or self.build, self._provenance)

    @property
    def _provenance(self) -> Provenance:
        return Provenance(self.spec.weights.name, self.loaded.sha256)


@dataclass(frozen=True)
class Made:
    """An artifact that is written but not verified yet. `passed`: the passes that changed it, by name.

    `trade`: what was given up where, if it was made on images.
    """

    order: Order
    nbytes: int
    passed: tuple[str, ...]
    trade: Trade | None = None


def make(order: Order, drafts: Sequence[Draft], emit: Emit) -> Made:
    """Write an artifact to its drafts, and do the passes that were asked for."""
    name = order.path.name
    with stage("write", name, emit) as writing:
        with ExitStack() as stack:
            order.write([stack.enter_context(draft.open()) for draft in drafts])
        writing.summary = megabytes(sum(draft.nbytes for draft in drafts))
    passed: list[str] = []
    for change in order.kind.target.passes(order.build.values):
        with stage(change.name, name, emit) as passing:
            shape = order.loaded.shape
            image = structured_batch(*shape.dims[1:], 0, shape.batch)
            result = change.run([draft.path for draft in drafts], image)
            if result.files is None:
                emit(Note("info", f"{name}: {result.message}"))
            else:
                for data, draft in zip(result.files, drafts, strict=True):
                    draft.write(data)
                passed.append(change.name)
            passing.summary = result.message
    return Made(order, sum(draft.nbytes for draft in drafts), tuple(passed))


def make_on_images(order: Order, drafts: Sequence[Draft], examples: Examples, emit: Emit) -> Made:
    """Write an artifact whose precision needs images. No pass follows: it would put floats where integers are."""
    with stage("quantise", order.path.name, emit) as quantising:
        with ExitStack() as stack:
            trade = order.write_on_images([stack.enter_context(draft.open()) for draft in drafts], examples)
        quantising.summary = trade.sentence
    return Made(order, sum(draft.nbytes for draft in drafts), (), trade)


def _check_range(network: Network, precision: Precision) -> None:
    """Raises `JobFailed` for weights beyond what a precision holds. The reference one takes them as they are."""
    if precision == REFERENCE:
        return
    for layer in layers_of(network.body):
        if not isinstance(layer, Constant):
            largest = max(float(np.abs(array).max(initial=0)) for array in layer.weights)
            if largest > precision.largest:
                raise cannot_hold(precision, f"a weight of {layer.name}", largest, f"export it in {REFERENCE.label}")
