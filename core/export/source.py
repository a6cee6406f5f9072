"""The first stage: the weights file is read, and the size that was asked for is held against it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BadRequest
from ..inspect import WeightsInfo
from ..jobs.events import Note, Progress
from ..loading import WeightsSource
from ..memory.estimate import Estimate
from ..network.network import Network
from ..shapes import InputShape, Level, findings
from ..spec import ExportSpec
from ..units import megabytes
from .memory import predicted
from .preflight import check
from .size import rounding
from .stages import Work

_LAYERS_A_STEP = 20


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """A weights file, read: its facts, its network (weights in memory), its SHA-256, the shape to export.

    `estimate`: the memory that the job is predicted to need.
    """

    info: WeightsInfo
    network: Network
    sha256: str
    shape: InputShape
    estimate: Estimate


def read_weights(spec: ExportSpec) -> Work[tuple[LoadedWeights, str]]:
    """Read all that a job needs of its weights file; the file is not needed afterwards.

    Raises `WeightsRefused` for a bad file, `BadRequest` for a size that is illegal for it, or a disk
    without room for the files, `WillNotFit` for a job that will not fit into memory.
    """
    with WeightsSource(spec.weights) as source:
        info, network = source.info, source.network
        if told := rounding(spec, network.stride):
            yield Note("info", told)
        recommended = info.facts.sizes.recommended
        for finding in findings(spec.height, spec.width, spec.batch, network.stride, recommended):
            if finding.level is Level.ERROR:
                raise BadRequest(finding.message, finding.fix)
            yield Note("warning", f"{finding.message}; {finding.fix}" if finding.fix else finding.message)
        estimated = check(spec, network)
        yield predicted(estimated)
        if estimated.risky:
            yield Note("warning", estimated.verdict.sentence)
        for step in source.load():
            if step.done % _LAYERS_A_STEP == 0 or step.done == step.total:
                yield Progress("read", "", step.done, step.total, step.layer)
    shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
    facts = info.facts
    summary = f"{facts.variant}, {facts.task}, {info.parameters:,} parameters, {megabytes(info.nbytes)}"
    return LoadedWeights(info, network, source.sha256, shape, estimated), summary
