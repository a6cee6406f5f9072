"""The plan of a job: what there is to say about it, the files it makes and their sizes, the memory it needs.

The screen, `halfpint estimate` and the worker ask here, and nowhere beside. All here is pure: the facts of a weights
file, a spec and a snapshot of the machine in, a plan out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import BadRequest
from .kinds import Kind
from .memory.estimate import JobFit, JobNeeds, job_needs, judged, memory_finding
from .memory.snapshot import Snapshot
from .memory.workload import Workload
from .network.network import Network
from .network.ops import ShapeMismatch
from .shapes import MEMORY, Finding, InputShape, Level, findings, spelled
from .sizes import ArtifactSize, Sizes, disk_finding
from .spec import ExportSpec
from .targets.nms import HEAD, NMS, chosen

if TYPE_CHECKING:
    from .inspect import WeightsInfo


@dataclass(frozen=True)
class Plan:
    """What follows from a spec, for one weights file and one machine.

    `findings`: all that there is to say, in one order: that the size was rounded, the size, which files cannot be tried
    on the GPU, whether the network can take the size, the disk, the memory. `artifacts`: the files of the spec, in its
    order; `others`: files that it does not make and whose sizes were asked for. A size that is illegal, or that the
    network cannot take, has no artifacts, `needs` and `fit`.
    """

    spec: ExportSpec
    shape: InputShape
    findings: tuple[Finding, ...]
    artifacts: tuple[ArtifactSize, ...] = ()
    others: tuple[ArtifactSize, ...] = ()
    needs: JobNeeds | None = None
    fit: JobFit | None = None

    @property
    def obstacle(self) -> Finding | None:
        """The first error that nothing overrules; that memory will not do is not among them, for it may be forced."""
        errors = (finding for finding in self.findings if finding.level is Level.ERROR)
        return next((error for error in errors if error.rule != MEMORY), None)

    def on(self, now: Snapshot) -> Plan:
        """The same job on the machine as it is now. It is cheap enough for every sample of NVML.

        What CUDA takes of a GPU stays as the plan was made with it.
        """
        if self.needs is None:
            return self
        fit = judged(self.needs, now)
        lasting = tuple(finding for finding in self.findings if not finding.of_machine)
        passing = (disk_finding(self.artifacts, now.disk), memory_finding(fit))
        return replace(self, findings=(*lasting, *(finding for finding in passing if finding)), fit=fit)


class Planner:
    """Plans jobs of one weights file. Asked again, it reuses what does not depend on the size of the image."""

    def __init__(self, info: WeightsInfo, network: Network) -> None:
        self.info, self.network = info, network
        self._sizes: dict[str, Sizes] = {}

    def plan(self, spec: ExportSpec, now: Snapshot, also: Iterable[Kind] = ()) -> Plan:
        """The plan of a job of these weights.

        `also`: files whose sizes are told too, where the spec does not make them.
        """
        facts, stride = self.info.facts, self.network.stride
        shape = InputShape(spec.batch, self.network.channels, spec.height, spec.width)
        found = findings(*shape.size, spec.batch, stride, facts.sizes.recommended)
        found = (*_rounding(spec, stride), *found, *_elsewhere(spec), *_without_selection(spec))
        try:
            network = headed(self.network, spec)
        except BadRequest as error:
            return Plan(spec, shape, (*found, Finding(Level.ERROR, "head", error.what, error.fix or "")))
        if any(finding.level is Level.ERROR for finding in found):
            return Plan(spec, shape, found)
        try:
            needs = job_needs(network, Workload.of(spec), shape, now.overheads)
            sizes = self._sizes.setdefault(network.head, Sizes(network))
            artifacts = sizes.artifacts(spec)
            others = tuple(sizes.artifact(spec, kind) for kind in also if kind not in spec.kinds)
        except (ShapeMismatch, BadRequest) as error:
            mismatch, fix = f"the network cannot take {shape}: {error}", "give another size"
            if isinstance(error, BadRequest):
                mismatch, fix = error.what, error.fix or fix
            return Plan(spec, shape, (*found, Finding(Level.ERROR, "network", mismatch, fix)))
        return Plan(spec, shape, found, artifacts, others, needs).on(now)


def plan(info: WeightsInfo, network: Network, spec: ExportSpec, now: Snapshot) -> Plan:
    """The plan of one job; of several of the same weights, a `Planner` is faster."""
    return Planner(info, network).plan(spec, now)


def _rounding(spec: ExportSpec, stride: int) -> tuple[Finding, ...]:
    """What was done to the size that was asked for, if anything was."""
    if spec.rounded_from is None:
        return ()
    sizes = f"{spelled(*spec.rounded_from)} was rounded to {spelled(spec.height, spec.width)} (height×width)"
    return (Finding(Level.OK, "round", f"{sizes}, as asked: multiples of the stride {stride}"),)


def _elsewhere(spec: ExportSpec) -> Iterable[Finding]:
    """That files are tried on the CPU although a GPU was asked for, as their runtime here cannot use one."""
    if spec.device == "cpu":
        return
    for target in dict.fromkeys(kind.target for kind in spec.kinds):
        if not target.uses_gpus:
            told = f"{target.runtime} does not use GPUs here: {target.label} files are tried on the CPU"
            yield Finding(Level.OK, "device", told)


def headed(network: Network, spec: ExportSpec) -> Network:
    """The network with the head that a spec asks for. Raises `BadRequest` if it has none such."""
    return network.with_head(str(spec.recipe[HEAD]), str(HEAD.default))


def _without_selection(spec: ExportSpec) -> Iterable[Finding]:
    """Which files give all boxes although others choose among them, as was asked."""
    asked = NMS.flag if spec.recipe[NMS] else f"the best of {HEAD.flag} {spec.recipe[HEAD]}"
    if chosen(spec.recipe.values) is not None:
        for target in (target for target in spec.targets if NMS not in target.options):
            yield Finding(Level.OK, "nms", f"{target.label} files give all boxes: {asked} is not for them")
