"""What is predicted for the job that the screen shows, next to what the machine has free now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .feeds.devices import Sample
from .feeds.estimator import Largest, Prediction

if TYPE_CHECKING:
    from ..core.jobs.spec import ExportSpec
    from ..core.memory.estimate import Estimate, Snapshot
    from ..core.memory.overheads import Overheads
    from ..core.shapes import Finding
    from .feeds.jobs import JobNews

_NOTABLE = 64  # a change of free memory by this part of it all asks for the largest sizes anew


@dataclass
class Outlook:
    """The last sample and the last prediction; what is older than the screen's choices does not count."""

    sample: Sample | None = None
    prediction: Prediction | None = None
    largest: Largest | None = None
    overheads: dict[int, Overheads] = field(default_factory=dict["int", "Overheads"])
    measured: str = ""
    _asked_with: tuple[int | None, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """What a job may run on: the CPU, and the GPUs that are well."""
        gpus = self.sample.report.gpus if self.sample else ()
        return ("cpu", *dict.fromkeys(str(gpu.index) for gpu in gpus if not gpu.problem))

    def observe(self, sample: Sample) -> tuple[int, ...]:
        """Take a sample. The indices of GPUs that were not seen before and are not calibrated."""
        from ..core.memory.overheads import overheads_of

        self.sample = sample
        new = [gpu for gpu in sample.report.gpus if gpu.index not in self.overheads and not gpu.problem]
        for gpu in new:
            self.overheads[gpu.index] = overheads_of(gpu.name, sample.report.driver)
        return tuple(gpu.index for gpu in new if not self.overheads[gpu.index].measured)

    def forget_calibrations(self) -> None:
        """Read them again with the next sample: one was made."""
        self.overheads.clear()

    def snapshot(self, device: str) -> Snapshot | None:
        """What a job on a device finds now."""
        from ..core.memory.estimate import snapshot
        from ..core.memory.overheads import DOCUMENTED

        if self.sample is None:
            return None
        overheads = self.overheads.get(int(device), DOCUMENTED) if device != "cpu" else DOCUMENTED
        return snapshot(self.sample.memory, device, self.sample.report, overheads)

    def changed_much(self, device: str) -> bool:
        """Whether free memory is so different from the last time that this was asked that more or less may fit."""
        now = self.snapshot(device)
        if now is None:
            return False
        places = [now.host] + ([now.gpu] if now.gpu else [])
        steps = tuple(None if place.free is None else place.free * _NOTABLE // max(1, place.total) for place in places)
        different = steps != self._asked_with
        self._asked_with = steps
        return different

    def estimate(self, spec: ExportSpec) -> Estimate | None:
        """The verdict on a job, if it is the one that was predicted."""
        from ..core.memory.estimate import judged

        prediction, now = self.prediction, self.snapshot(spec.device)
        if now is None or prediction is None or prediction.needs is None or prediction.spec != spec:
            return None
        return judged(prediction.needs, now)

    def disk_finding(self, spec: ExportSpec) -> Finding | None:
        """An error, if the artifacts of a job have no room."""
        from ..core.sizes import disk_finding

        if self.sample is None or self.prediction is None or self.prediction.spec != spec:
            return None
        return disk_finding(self.prediction.artifacts, self.sample.disk) if self.prediction.artifacts else None

    def follow(self, news: JobNews) -> None:
        """Take what a job says of its memory."""
        from ..core.jobs.events import JobFinished, MemoryMeasured, MemoryPredicted
        from ..core.units import mebibytes

        for event in news.events:
            match event:
                case MemoryPredicted():
                    self.measured = (
                        f"job #{news.job.number}: predicted {mebibytes(event.host_low)}–{mebibytes(event.host_high)}"
                    )
                case MemoryMeasured():
                    head = self.measured.partition(", measured")[0] or f"job #{news.job.number}"
                    gpu = f", {mebibytes(event.gpu_reserved)} on the GPU" if event.gpu_reserved else ""
                    self.measured = f"{head}, measured {mebibytes(event.host)}{gpu}"
                case JobFinished():
                    self.measured = self.measured and self.measured.removesuffix(" at its peak") + " at its peak"
                case _:
                    pass
