"""A screen that follows its choices: findings on the size, what the job needs and makes, and whether it can begin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...core.weights.discover import Candidate
from ..choices import Assessment, Choices, assess, described
from ..feeds.estimator import Wish
from ..feeds.inspector import Known
from ..outlook import Outlook
from ..panels.artifacts import ArtifactsPanel
from ..panels.gpu import GpuPanel
from ..panels.size import SizePanel
from ..services import Services
from ..widgets.lines import Lines, plain
from .arranged import ArrangedScreen

if TYPE_CHECKING:
    from ...core.devices import GpuSampler
    from ...core.families.family import Facts


class ForecastScreen(ArrangedScreen):
    """Holds the choices and what follows from them. `candidate`: the weights under the cursor."""

    def __init__(self, choices: Choices, sampler: GpuSampler | None, folder: Path) -> None:
        super().__init__()
        self.choices = choices
        self.candidate: Candidate | None = None
        self.known: dict[Candidate, Known] = {}
        self.assessment = Assessment()
        self.outlook = Outlook()
        self.services = Services.make(self.post_message, sampler, folder)

    def say(self, text: str, kind: str = "") -> None:
        """Tell something in the line above the keys, until the next change."""
        self.query_one("#status", Lines).show([plain(text, kind)])

    def update(self) -> None:
        known, facts = self.looked_at, self.facts
        path = self.candidate.path if self.candidate else None
        self.assessment = assess(self.choices, path, facts, known.refusal if known else "")
        stride = facts.stride if facts else None
        self.query_one(SizePanel).show(stride, self.assessment.findings, described(self.choices.size))
        self.wish()
        self.show_status()

    @property
    def looked_at(self) -> Known | None:
        return self.known.get(self.candidate) if self.candidate else None

    @property
    def facts(self) -> Facts | None:
        known = self.looked_at
        return known.info.facts if known and known.info else None

    def wish(self) -> None:
        """Have the job predicted that the screen shows; without one, there is nothing to show."""
        known, spec = self.looked_at, self.assessment.spec
        if known is None or known.network is None or spec is None:
            self.services.estimator.want(None)
            self.outlook.prediction = self.outlook.largest = None
            self.show_outlook()
        else:
            self.services.jobs.expect(spec)
            self.services.estimator.want(Wish(known.network, spec, self.outlook.snapshot(spec.device)))

    def show_status(self) -> None:
        running, waiting = self.services.jobs.running, len(self.services.jobs.waiting)
        state = f"job #{running.number} runs{f', {waiting} wait' if waiting else ''} · " if running else ""
        spec, obstacle = self.assessment.spec, self.obstacle
        if spec is None or obstacle:
            self.say(f"{state}no export: {obstacle}", "warning")
        else:
            names = ", ".join(spec.path(kind).name for kind in spec.kinds)
            self.say(f"{state}^r exports {spec.weights.name} to {names}")

    @property
    def obstacle(self) -> str:
        spec = self.assessment.spec
        if spec is None:
            return self.assessment.obstacle
        finding = self.outlook.disk_finding(spec)
        return f"{finding.message}; {finding.fix}" if finding else ""

    def show_outlook(self) -> None:
        outlook = self.outlook
        if outlook.sample is not None:
            self.query_one(GpuPanel).show(outlook, self.choices.device)
        planned = outlook.prediction.artifacts if outlook.prediction else ()
        self.query_one(ArtifactsPanel).plan(planned)
