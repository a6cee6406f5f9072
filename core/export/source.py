"""The first stage: the weights file is read, and the job is planned before its weights are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest, WillNotFit
from ..events import MemoryPredicted, Note, Progress
from ..inspect import WeightsInfo
from ..memory.now import look
from ..network.layers import Put, in_memory
from ..network.network import Network
from ..network.shelf import Shelf
from ..plan import Plan, headed, plan
from ..precisions import REFERENCE
from ..readings.weigher import weights_nbytes
from ..shapes import InputShape, Level
from ..sizes import files_nbytes
from ..spec import ExportSpec
from ..units import megabytes
from ..weights_source import WeightsSource
from .memory import predicted
from .stages import Emit

_LAYERS_A_STEP = 20


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """A weights file, read: its facts, its network with its weights, its SHA-256, the shape to export.

    `predicted`: the memory that the job is predicted to need.
    """

    info: WeightsInfo
    network: Network
    sha256: str
    shape: InputShape
    predicted: MemoryPredicted

    @property
    def summary(self) -> str:
        """What was read, for people."""
        info, facts = self.info, self.info.facts
        return f"{facts.variant}, {facts.task}, {info.parameters:,} parameters, {megabytes(info.nbytes)}"


def read_weights(spec: ExportSpec, emit: Emit) -> LoadedWeights:
    """Read all that a job needs of its weights file; the file is not needed afterwards.

    Raises `WeightsRefused` for a bad file, `BadRequest` for a size that is illegal for it, or a disk
    without room for the files, `WillNotFit` for a job that will not fit into memory, unless the spec forces it.
    """
    with WeightsSource(spec.weights) as source:
        info, network = source.info, source.network
        now = look(spec.device, spec.out)
        planned = plan(info, network, spec, now)
        for note in _told(planned):
            emit(note)
        network = source.choose(headed(network, spec))
        assert planned.needs is not None and planned.fit is not None  # without an error, it has both
        memory = predicted(planned.needs, planned.fit)
        emit(memory)
        for step in source.load(_place(spec.out, now.disk, network, planned)):
            if step.done % _LAYERS_A_STEP == 0 or step.done == step.total:
                emit(Progress("read", "", step.done, step.total, step.layer))
    return LoadedWeights(info, network, source.sha256, planned.shape, memory)


def _place(out: Path, free: int | None, network: Network, planned: Plan) -> Put:
    """Where the weights are kept: beside the files to come, if there is room for both, else in memory.

    `free`: bytes on the disk of `out`, None if that is not known.
    """
    weights = weights_nbytes(network, REFERENCE.weights.itemsize)
    if free is None or free < weights + files_nbytes(planned.artifacts):
        return in_memory
    return Shelf(out).put


def _told(planned: Plan) -> Iterator[Note]:
    """The findings as notes, up to the one that keeps the job from beginning: that is raised."""
    for finding in planned.findings:
        if finding is planned.obstacle:
            raise BadRequest(finding.message, finding.fix)
        if finding.level is Level.ERROR and not planned.spec.force:  # of memory, for all others are obstacles
            raise WillNotFit(finding.message, finding.fix)
        level = "info" if finding.level is Level.OK else "warning"
        yield Note(level, finding.message if finding.level is Level.ERROR else finding.sentence)
