"""The main screen: six panels, the choices that they make together, and the jobs that follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from ...core.errors import BadRequest
from ...core.shapes import Sizes
from ...core.weights.discover import Candidate
from ..choices import Assessment, Choices, Size, assess, described
from ..commands import PANELS, bindings
from ..feeds.devices import Sample, Sampled
from ..feeds.inspector import Inspected, Known
from ..feeds.jobs import JobNews
from ..feeds.scanner import Found
from ..hints import key_line, tab_line
from ..layout import Arrangement, Mode, arrange
from ..panels.artifacts import ArtifactsPanel
from ..panels.gpu import GpuPanel
from ..panels.log import LogPanel
from ..panels.options import OptionsPanel
from ..panels.panel import Panel
from ..panels.size import SizePanel
from ..panels.weights import WeightsPanel
from ..services import Services
from ..widgets.lines import Lines, plain
from .quiet import QuietScreen

if TYPE_CHECKING:
    from ...core.devices import GpuSampler
    from ...core.jobs.spec import ExportSpec


class MainScreen(QuietScreen):
    """Everything about jobs on one screen. It holds what is known and chosen, and tells the panels."""

    BINDINGS: ClassVar = bindings()
    AUTO_FOCUS = "#files"
    DEFAULT_CSS = """
    MainScreen {
        #tabs, #status, #keys { height: 1; }
        #status { padding: 0 1; }
        #body { height: 1fr; layout: horizontal; }
        #left { width: 1fr; }
        #right { width: 54; }
        &.-wide #right { width: 72; }
        &.-tall LogPanel { height: 18; }
        &.-tall ArtifactsPanel { height: 11; }
        &.-input-page #right { width: 42; }
        &.-output-page #body { layout: vertical; }
        &.-output-page #left { width: 1fr; height: 1fr; }
        &.-output-page #right { width: 1fr; height: 6; }
        &.-output-page LogPanel { height: 1fr; }
        &.-single #left, &.-single #right { width: 1fr; }
        &.-single Panel { height: 1fr; }
    }
    """

    def __init__(self, start: Path, choices: Choices, sampler: GpuSampler | None) -> None:
        super().__init__()
        self._start, self._choices = start, choices
        self._candidate: Candidate | None = None
        self._known: dict[Candidate, Known] = {}
        self._sample: Sample | None = None
        self._assessment = Assessment()
        self._panel, self._zoomed = "weights", False
        self.services = Services.make(self.post_message, sampler, start)

    def compose(self) -> ComposeResult:
        # Now, while a change of style concerns nobody else.
        self._set_classes(self._arrangement())
        yield Lines(id="tabs")
        with Vertical(id="body"):
            with Vertical(id="left"):
                yield WeightsPanel(self._start)
                yield LogPanel()
                yield ArtifactsPanel()
            with Vertical(id="right"):
                yield SizePanel(self._choices.size)
                yield OptionsPanel(self._choices)
                yield GpuPanel()
        yield Lines(id="status")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self._arrange()
        self._update()
        self._search(self._start)
        # Not before the first paint: the person waits for that alone.
        self.call_after_refresh(self.services.start)

    @property
    def choices(self) -> Choices:
        """What is chosen, to be remembered."""
        return self._choices

    def say(self, text: str, kind: str = "") -> None:
        """Tell something in the line above the keys, until the next change."""
        self.query_one("#status", Lines).show([plain(text, kind)])

    # ---- what follows from the choices

    def _update(self) -> None:
        known = self._known.get(self._candidate) if self._candidate else None
        facts = known.info.facts if known and known.info else None
        path = self._candidate.path if self._candidate else None
        self._assessment = assess(self._choices, path, facts, known.refusal if known else "")
        self.query_one(SizePanel).show(
            facts.stride if facts else None, self._assessment.findings, described(self._choices.size)
        )
        self._show_status()

    def _show_status(self) -> None:
        running, waiting = self.services.jobs.running, len(self.services.jobs.waiting)
        state = f"job #{running.number} runs{f', {waiting} wait' if waiting else ''} · " if running else ""
        if self._assessment.spec is None:
            self.say(f"{state}no export: {self._assessment.obstacle}", "warning")
        else:
            spec = self._assessment.spec
            self.say(
                f"{state}^r exports {spec.weights.name} to {', '.join(spec.path(kind).name for kind in spec.kinds)}"
            )

    def _show_devices(self) -> None:
        if self._sample is not None:
            self.query_one(GpuPanel).show(self._sample, self._choices.device)
        self.query_one(OptionsPanel).show(self._choices, self._devices)

    @property
    def _devices(self) -> tuple[str, ...]:
        gpus = self._sample.report.gpus if self._sample else ()
        return ("cpu", *dict.fromkeys(str(gpu.index) for gpu in gpus if not gpu.problem))

    # ---- what the feeds tell

    @on(Found)
    def _found(self, event: Found) -> None:
        if event.start == self._start:
            self.query_one(WeightsPanel).add(event.candidates, event.folders, event.over)

    @on(Inspected)
    def _inspected(self, event: Inspected) -> None:
        self._known[event.known.candidate] = event.known
        self.query_one(WeightsPanel).learn(event.known)
        if event.known.candidate == self._candidate:
            self._update()

    @on(Sampled)
    def _sampled(self, event: Sampled) -> None:
        self._sample = event.sample
        self._show_devices()

    @on(JobNews)
    def _news(self, event: JobNews) -> None:
        self.query_one(LogPanel).news(event)
        self.query_one(ArtifactsPanel).news(event)
        self._show_status()

    # ---- what the panels want

    @on(WeightsPanel.Highlighted)
    def _highlighted(self, event: WeightsPanel.Highlighted) -> None:
        self._candidate = event.candidate
        self._watch_disk()
        self._update()

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
        self._choices = self._choices.with_size(event.size)
        self._update()

    @on(SizePanel.PresetsWanted)
    def _presets_wanted(self) -> None:
        from ..dialogs import ask_preset

        known = self._known.get(self._candidate) if self._candidate else None
        sizes = known.info.facts.sizes if known and known.info else Sizes()
        panel = self.query_one(SizePanel)
        ask_preset(self.app, sizes.presets, lambda size: panel.put(Size(*size, self._choices.batch)))

    @on(OptionsPanel.Changed)
    def _options_changed(self, event: OptionsPanel.Changed) -> None:
        self._choices = event.choices.with_size(self._choices.size)
        self._watch_disk()
        self._update()
        self._show_devices()

    @on(GpuPanel.NextDevice)
    def _next_device(self) -> None:
        devices = self._devices
        place = devices.index(self._choices.device) if self._choices.device in devices else -1
        self.query_one(OptionsPanel).choose_device(devices[(place + 1) % len(devices)])

    @on(LogPanel.CopyWanted)
    def _copy_wanted(self, event: LogPanel.CopyWanted) -> None:
        from ..clipboard import copy

        self.say(copy(self.app, event.text))

    @on(ArtifactsPanel.ReportWanted)
    def _report_wanted(self, event: ArtifactsPanel.ReportWanted) -> None:
        from ..dialogs import open_report

        open_report(self.app, event.artifact)

    def _watch_disk(self) -> None:
        if self._choices.folder.strip():
            self.services.devices.folder = Path(self._choices.folder).expanduser()
        elif self._candidate is not None:
            self.services.devices.folder = self._candidate.path.parent

    # ---- commands

    def action_export(self) -> None:
        spec = self._assessment.spec
        if spec is None:
            self.app.bell()
            self.say(f"no export: {self._assessment.obstacle}", "error")
            return
        existing = [path.name for kind in spec.kinds if (path := spec.path(kind)).exists()]
        if existing and not spec.overwrite:
            from ..dialogs import ask_overwrite

            ask_overwrite(self.app, spec, existing, self._submit)
        else:
            self._submit(spec)

    def _submit(self, spec: ExportSpec) -> None:
        job = self.services.jobs.submit(spec)
        running = self.services.jobs.running
        if running is not None and running != job:
            self.query_one(LogPanel).say(f"#{job.number} {spec.weights.name} waits for #{running.number}", "dim")
        self._show_status()

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
        from ..dialogs import open_command

        try:
            open_command(self.app, self._choices.spec(self._candidate.path if self._candidate else None))
        except BadRequest as error:
            self.say(str(error), "error")

    def action_help(self) -> None:
        from ..dialogs import open_help

        open_help(self.app, self.query_one(f"#{self._panel}", Panel))

    def action_jump(self, name: str) -> None:
        self._show_panel(name)
        self.query_one(f"#{name}", Panel).target.focus()

    def action_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()

    def action_leave(self) -> None:
        if self._zoomed:
            self.action_zoom()
        target = self.query_one(f"#{self._panel}", Panel).target
        # A field again would not do: in it, keys are typed.
        (self.query_one("#files") if isinstance(target, Input) else target).focus()

    # ---- what is in sight

    def on_resize(self, _: events.Resize) -> None:
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        panel = next((a for a in event.widget.ancestors if isinstance(a, Panel)), None)
        if panel is not None and self._panel != panel.NAME:
            self._show_panel(panel.NAME)

    def _show_panel(self, name: str) -> None:
        self._panel = name
        self._arrange()

    def _arrangement(self) -> Arrangement:
        return arrange(self.app.size.width, self.app.size.height, self._panel, self._zoomed)

    def _set_classes(self, arrangement: Arrangement) -> None:
        for mode in Mode:
            self.set_class(arrangement.mode is mode, f"-{mode}")
        self.set_class(arrangement.tall, "-tall")
        self.set_class(self.app.size.width >= 160, "-wide")

    def _arrange(self) -> None:
        arrangement = self._arrangement()
        self._set_classes(arrangement)
        for name in PANELS:
            self.query_one(f"#{name}").display = name in arrangement.shown
        self.query_one("#left").display = bool(arrangement.shown & {"weights", "log", "artifacts"})
        self.query_one("#right").display = bool(arrangement.shown & {"size", "options", "gpu"})
        tabs = self.query_one("#tabs", Lines)
        tabs.display = arrangement.tabs
        tabs.show([tab_line(self._panel, arrangement.shown)])
        self.query_one("#keys", Lines).show([key_line(self._panel)])
