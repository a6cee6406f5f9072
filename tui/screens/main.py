"""The main screen: six panels, the choices that they make together, and the jobs that follow from them."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from ...core.errors import BadRequest, JobFailed
from ...core.shapes import Sizes
from ...core.weights.discover import Candidate
from ..choices import Choices, Size
from ..commands import bindings
from ..feeds.calibration import Calibrated
from ..feeds.devices import Sampled
from ..feeds.estimator import LargestFound, Predicted
from ..feeds.inspector import Inspected
from ..feeds.jobs import JobNews
from ..feeds.scanner import Found
from ..panels.artifacts import ArtifactsPanel
from ..panels.gpu import GpuPanel
from ..panels.log import LogPanel
from ..panels.options import OptionsPanel
from ..panels.size import SizePanel
from ..panels.weights import WeightsPanel
from ..widgets.lines import Lines
from .forecast import ForecastScreen

if TYPE_CHECKING:
    from ...core.devices import GpuSampler
    from ...core.jobs.spec import ExportSpec
    from .fitmap import FitMapScreen


class MainScreen(ForecastScreen):
    """Everything about jobs on one screen. It holds what is known and chosen, and tells the panels."""

    BINDINGS: ClassVar = bindings()
    AUTO_FOCUS = "#files"
    DEFAULT_CSS = """
    MainScreen { #status { height: 1; padding: 0 1; } }
    """

    def __init__(
        self, start: Path, choices: Choices, sampler: GpuSampler | None, jobs: Iterable[ExportSpec] = ()
    ) -> None:
        """`start`: the folder to search. `sampler`: what to ask for GPUs; None for NVML. `jobs`: to begin with."""
        super().__init__(choices, sampler, start)
        self._start = start
        self._jobs_at_start = tuple(jobs)
        self._fit_map: FitMapScreen | None = None

    def compose(self) -> ComposeResult:
        # Now, while a change of style concerns nobody else.
        self.set_mode(self.arrangement())
        yield Lines(id="tabs")
        with Vertical(id="body"):
            with Vertical(id="left"):
                yield WeightsPanel(self._start)
                yield LogPanel()
                yield ArtifactsPanel()
            with Vertical(id="right"):
                yield SizePanel(self.choices.size)
                yield OptionsPanel(self.choices)
                yield GpuPanel()
        yield Lines(id="status")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.show_what_fits()
        self.update()
        # Not before the first paint: the person waits for that alone.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc.enable()
        self._search(self._start)
        self.services.start()
        for spec in self._jobs_at_start:
            self._submit(spec)

    # ---- what the feeds tell

    @on(Found)
    def _found(self, event: Found) -> None:
        if event.start == self._start:
            self.query_one(WeightsPanel).add(event.candidates, event.folders, event.over)

    @on(Inspected)
    def _inspected(self, event: Inspected) -> None:
        self.known[event.known.candidate] = event.known
        self.query_one(WeightsPanel).learn(event.known)
        if event.known.candidate == self.candidate:
            self.update()

    @on(Sampled)
    def _sampled(self, event: Sampled) -> None:
        for index in self.outlook.observe(event.sample):
            self.query_one(LogPanel).say(f"GPU {index} is not calibrated: 4 c measures what CUDA itself takes", "dim")
        self.query_one(GpuPanel).remember(event.sample)
        if self.outlook.changed_much(self.choices.device):
            self.wish()
        if self._fit_map is not None and (now := self.outlook.snapshot(self.choices.device)) is not None:
            self._fit_map.renew(now)
        self.query_one(OptionsPanel).show(self.choices, self.outlook.devices)
        self.show_outlook()

    @on(Predicted)
    def _predicted(self, event: Predicted) -> None:
        if event.prediction.spec == self.assessment.spec:
            self.outlook.prediction, self.outlook.largest = event.prediction, None
            self.show_outlook()
            self.show_status()

    @on(LargestFound)
    def _largest_found(self, event: LargestFound) -> None:
        if event.spec == self.assessment.spec:
            self.outlook.largest = event.largest
            self.show_outlook()

    @on(JobNews)
    def _news(self, event: JobNews) -> None:
        self.outlook.follow(event)
        self.query_one(LogPanel).news(event)
        self.query_one(ArtifactsPanel).news(event)
        self.show_outlook()
        self.show_status()

    @on(Calibrated)
    def _calibrated(self, event: Calibrated) -> None:
        self.outlook.forget_calibrations()
        for line in event.text.splitlines():
            self.query_one(LogPanel).say(line, "" if event.worked else "error", 0 if event.worked else 2)

    # ---- what the panels want

    @on(WeightsPanel.Highlighted)
    def _highlighted(self, event: WeightsPanel.Highlighted) -> None:
        self.candidate = event.candidate
        self._watch_disk()
        self.update()

    @on(WeightsPanel.InView)
    def _in_view(self, event: WeightsPanel.InView) -> None:
        self.services.inspector.want(event.candidates)

    @on(WeightsPanel.PathEntered)
    def _path_entered(self, event: WeightsPanel.PathEntered) -> None:
        path = event.path
        try:
            if path.is_dir():
                self._search(path)
            else:
                status = path.stat()
                self.query_one(WeightsPanel).reveal(Candidate(path, status.st_size, status.st_mtime))
        except OSError as error:
            self.say(f"{path}: {error.strerror or error}", "error")

    @on(WeightsPanel.RescanWanted)
    def _rescan(self) -> None:
        self._search(self._start)

    def _search(self, start: Path) -> None:
        self._start = start
        self.query_one(WeightsPanel).begin(start)
        self.services.scanner.scan(start)

    @on(SizePanel.Changed)
    def _size_changed(self, event: SizePanel.Changed) -> None:
        self.choices = self.choices.with_size(event.size)
        self.update()

    @on(SizePanel.PresetsWanted)
    def _presets_wanted(self) -> None:
        from ..dialogs import ask_preset

        sizes = self.facts.sizes if self.facts else Sizes()
        panel = self.query_one(SizePanel)
        ask_preset(self.app, sizes.presets, lambda size: panel.put(Size(*size, self.choices.batch)))

    @on(OptionsPanel.Changed)
    def _options_changed(self, event: OptionsPanel.Changed) -> None:
        self.choices = event.choices.with_size(self.choices.size)
        self._watch_disk()
        self.update()
        self.query_one(OptionsPanel).show(self.choices, self.outlook.devices)
        self.show_outlook()

    @on(GpuPanel.NextDevice)
    def _next_device(self) -> None:
        devices = self.outlook.devices
        place = devices.index(self.choices.device) if self.choices.device in devices else -1
        self.query_one(OptionsPanel).choose_device(devices[(place + 1) % len(devices)])

    @on(GpuPanel.CalibrationWanted)
    def _calibration_wanted(self) -> None:
        from ..feeds.calibration import calibrate

        if self.choices.device == "cpu":
            self.say("the CPU needs no calibration; d takes a GPU")
        else:
            self.say(f"measuring GPU {self.choices.device} …")
            calibrate(self.choices.device, self.post_message)

    @on(LogPanel.CopyWanted)
    def _copy_wanted(self, event: LogPanel.CopyWanted) -> None:
        from ..clipboard import copy

        self.say(copy(self.app, event.text))

    @on(ArtifactsPanel.ReportWanted)
    def _report_wanted(self, event: ArtifactsPanel.ReportWanted) -> None:
        from ..dialogs import open_report

        open_report(self.app, event.artifact)

    def _watch_disk(self) -> None:
        if self.choices.folder.strip():
            self.services.devices.folder = Path(self.choices.folder).expanduser()
        elif self.candidate is not None:
            self.services.devices.folder = self.candidate.path.parent

    # ---- commands

    def _settle(self) -> None:
        """Take what is typed and chosen at this moment: keys may have come faster than their messages."""
        self.choices = self.query_one(OptionsPanel).chosen.with_size(self.query_one(SizePanel).typed)
        self.update()

    def action_export(self) -> None:
        self._settle()
        spec, obstacle = self.assessment.spec, self.obstacle
        if spec is None or obstacle:
            self.app.bell()
            self.say(f"no export: {obstacle}", "error")
            return
        estimate = self.outlook.estimate(spec)
        if estimate is not None and estimate.risky:
            from ..dialogs import ask_memory

            ask_memory(self.app, estimate, lambda: self._export(replace(spec, force=True)))
        else:
            self._export(spec)

    def _export(self, spec: ExportSpec) -> None:
        existing = [path.name for kind in spec.kinds if (path := spec.path(kind)).exists()]
        if existing and not spec.overwrite:
            from ..dialogs import ask_overwrite

            ask_overwrite(self.app, spec, existing, self._submit)
        else:
            self._submit(spec)

    def _submit(self, spec: ExportSpec) -> None:
        try:
            job = self.services.jobs.submit(spec)
        except JobFailed as error:
            self.say(str(error), "error")
            return
        running = self.services.jobs.running
        if running is not None and running != job:
            self.query_one(LogPanel).say(f"#{job.number} {spec.weights.name} waits for #{running.number}", "dim")
        self.show_status()

    def action_cancel(self) -> None:
        jobs = self.services.jobs
        for job in jobs.drop_waiting():
            self.query_one(LogPanel).say(f"#{job.number} was taken off the queue", "warning", 1)
        if jobs.running is None:
            self.say("no job runs")
        else:
            self.say(f"cancelling #{jobs.running.number} …", "warning")
            jobs.cancel()

    def action_show_command(self) -> None:
        self._settle()
        from ..dialogs import open_command

        try:
            open_command(self.app, self.choices.spec(self.candidate.path if self.candidate else None))
        except BadRequest as error:
            self.say(str(error), "error")

    def action_fit_map(self) -> None:
        from ..dialogs import open_fit_map
        from ..feeds.mapping import Subject

        self._settle()
        known, facts, spec = self.looked_at, self.facts, self.assessment.spec
        now = self.outlook.snapshot(self.choices.device)
        if known is None or known.network is None or facts is None or spec is None or now is None:
            self.say(f"no map: {self.obstacle or 'the machine has not been asked yet'}", "warning")
            return
        subject = Subject(known.network, spec, spec.precisions[0], now, facts.sizes.recommended)
        panel = self.query_one(SizePanel)
        self._fit_map = open_fit_map(self.app, subject, lambda size: panel.put(Size(*size, self.choices.batch)))

    def action_help(self) -> None:
        from ..dialogs import open_help

        open_help(self.app, self.focused_panel())
