"""The size of every artifact that a spec would make, before it exists, and whether the disk has room for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .kinds import Kind
from .network.network import Network
from .shapes import DISK, Finding, Level
from .spec import ExportSpec
from .targets.provenance import Provenance
from .targets.target import Sizer, Target
from .units import megabytes

_MANIFEST_NBYTES = 64_000  # some thousands of bytes an artifact, and room for the drafts' folder entries
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
        self._sizers: dict[Target, Sizer] = {}

    def artifacts(self, spec: ExportSpec) -> tuple[ArtifactSize, ...]:
        """Every artifact of the spec, in its order. Raises `BadRequest` if the network cannot take its size."""
        return tuple(self.artifact(spec, kind) for kind in spec.kinds)

    def artifact(self, spec: ExportSpec, kind: Kind) -> ArtifactSize:
        """One artifact, whether the spec asks for its kind or not. Raises `BadRequest` as `artifacts` does."""
        if kind.target not in self._sizers:
            self._sizers[kind.target] = kind.target.sizer(self._network)
        build = spec.recipe.build(kind, self._network.channels)
        notes = [change.note for change in kind.target.passes(build.values)]
        size = self._sizers[kind.target].size(build, Provenance(spec.weights.name, _SHA256))
        note = "; ".join(filter(None, [size.note, *notes]))
        return ArtifactSize(kind, spec.path(kind), size.nbytes, not note, note)


def files_nbytes(artifacts: Sequence[ArtifactSize]) -> int:
    """The bytes on disk that a job's files take at most, its manifest among them."""
    return sum(artifact.nbytes for artifact in artifacts) + _MANIFEST_NBYTES


def disk_finding(artifacts: Sequence[ArtifactSize], free: int | None) -> Finding | None:
    """An error if the artifacts need more than the `free` bytes of their folder (None: not known), else None.

    They are written beside what they replace, so that nothing is freed by overwriting.
    """
    needed = files_nbytes(artifacts)
    if free is None or needed <= free:
        return None
    folder = artifacts[0].path.parent
    message = f"the files need {megabytes(needed)}, {megabytes(free)} are free in {folder}"
    return Finding(Level.ERROR, DISK, message, "free some space, or choose another folder with --out")
