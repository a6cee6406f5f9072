"""The main screen: it holds the session, hands it to the panels and services, and does what the keys ask for."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from ...core.errors import BadRequest, Cancelled, HalfpintError
from ...core.options import DEVICE
from ...core.shapes import Sizes
from ...core.weights.discover import Candidate
from ..choices import Choices, Size, kind_of
from ..commands import bindings
from ..feeds.devices import Sampled
from ..feeds.estimator import LargestFound, Planned
from ..feeds.inspector import Inspected
from ..feeds.jobs import JobNews, JobsListed
from ..feeds.measure_gpu import GpuMeasured
from ..feeds.scanner import Found, Seen
from ..job_line import job_line
from ..layout import Column
from ..messages import Highlighted, Marked, OptionsChosen, SizeTyped
from ..notification import announce
from ..panels.artifacts import ArtifactsPanel
from ..panels.gpu import GpuPanel
from ..panels.jobs import JobsPanel
from ..panels.log import LogPanel
from ..panels.options import OptionsPanel
from ..panels.panel import Panel
from ..panels.registry import PANELS, screen_commands
from ..panels.size import SizePanel
from ..panels.weights import WeightsPanel
from ..reducers import begun_anew, reduced, revealed, searching, settled
from ..services import Services
from ..session import Search, Session
from ..status import status_line
from ..widgets.fields import PathField
from ..widgets.finder import Finder
from ..widgets.lines import Lines
from ..widgets.window import Window
from .arranger import COLUMNS_CSS, Arranger
from .exporter import Exporter
from .quiet import QuietScreen

if TYPE_CHECKING:
    from ...core.devices import GpuSampler
    from ...core.spec import ExportSpec
    from .fitmap import FitMapScreen

_LONG_SECONDS = 10.0  # a person looks elsewhere meanwhile, and hears when such a job is over


class MainScreen(QuietScreen):
    """Everything about jobs on one screen."""

    BINDINGS: ClassVar = bindings(screen_commands())
    AUTO_FOCUS = "#files"
    DEFAULT_CSS = COLUMNS_CSS + "MainScreen { #status, #job { height: 1; padding: 0 1; } #job { display: none; } }"

    def __init__(
        self, start: Path, choices: Choices, sampler: GpuSampler | None, jobs: Iterable[ExportSpec] = ()
    ) -> None:
        """`start`: the folder to search. `sampler`: what to ask for GPUs; None for NVML. `jobs`: to begin with."""
        super().__init__()
        self.session = Session(choices, Search(start), opened=time.time())
        self.services = Services.make(self.post_message, sampler, start)
        self.arranger = Arranger(self)
        self.exporter = Exporter(self)
        self._jobs_at_start = tuple(jobs)
        self._fit_map: FitMapScreen | None = None

    def compose(self) -> ComposeResult:
        # Now, while a change of style concerns nobody else.
        self.arranger.tell_style()
        panels = [panel(number, self.session) for number, panel in enumerate(PANELS, 1)]
        for panel in panels:
            self.arranger.dress(panel)
        yield Lines(id="tabs")
        with Vertical(id="body"):
            for column in Column:
                with Vertical(id=column):
                    yield from (panel for panel in panels if panel.COLUMN is column)
        yield Lines(id="job")
        yield Finder(id="finder")
        yield Lines(id="status")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        self.arranger.show()
        self._show(self.session)
        # Not before the first paint: the person waits for that alone.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc.enable()
        self._search(self.session.search.start)
        self.services.start()
        self.exporter.submit(self._jobs_at_start)

    # ---- the state

    def advance(self, session: Session) -> None:
        """Take another state: panels show it, services follow it."""
        before, self.session = self.session, session
        if session is not before:
            self._show(session)
            self.services.follow(before, session)

    def _show(self, session: Session) -> None:
        for panel in self.query(Panel):
            panel.follow(session)
        self.query_one("#status", Lines).show([status_line(session)])
        told, job = job_line(session, time.time()), self.query_one("#job", Lines)
        if told is not None:
            job.show([told])
            job.display = True

    def say(self, text: str, kind: str = "") -> None:
        """Tell something in the line above the keys, until the next change."""
        self.advance(self.session.noticed(text, kind))

    @on(Found)
    @on(Seen)
    @on(Inspected)
    @on(Planned)
    @on(LargestFound)
    @on(JobsListed)
    @on(Highlighted)
    @on(Marked)
    @on(SizeTyped)
    @on(OptionsChosen)
    def _take(self, message: Message) -> None:
        before = self.session
        self.advance(reduced(before, message))
        if isinstance(message, Highlighted | Inspected):
            self._begin_anew(before)

    def _begin_anew(self, before: Session) -> None:
        """Other weights are under the cursor, or known at last: they begin with a size of their own."""
        size, facts = begun_anew(before, self.session), self.session.facts
        if facts is not None:
            self.advance(replace(self.session, sized_for=kind_of(facts)))
        if size is not None:
            self.query_one(SizePanel).put(size)

    @on(Sampled)
    def _sampled(self, message: Sampled) -> None:
        self._take(message)
        if self._fit_map is not None and (now := self.session.snapshot(self.session.choices[DEVICE])) is not None:
            self._fit_map.renew(now)

    @on(GpuMeasured)
    def _gpu_measured(self, message: GpuMeasured) -> None:
        self.services.devices.forget_overheads()
        self._take(message)

    def _settle(self) -> None:
        """Take what is typed and chosen at this moment: keys may have come faster than their messages."""
        chosen = self.session.choices.with_size(self.query_one(SizePanel).typed)
        chosen = replace(chosen, values=self.query_one(OptionsPanel).chosen.values)
        self.advance(settled(replace(self.session, choices=chosen)))

    # ---- what the panels want

    @on(WeightsPanel.InView)
    def _in_view(self, event: WeightsPanel.InView) -> None:
        self.services.inspector.want(event.candidates)

    @on(WeightsPanel.PathEntered)
    def _path_entered(self, event: WeightsPanel.PathEntered) -> None:
        path = event.path
        try:
            if path.is_dir():
                self._search(path)
                return
            status = path.stat()
        except OSError as error:
            self.say(f"{path}: {error.strerror or error}", "error")
            return
        candidate = Candidate(path, status.st_size, status.st_mtime)
        self.advance(revealed(self.session, candidate))
        self.query_one(WeightsPanel).reveal(candidate)

    @on(WeightsPanel.RescanWanted)
    def _rescan(self) -> None:
        self._search(self.session.search.start)

    def _search(self, start: Path) -> None:
        self.advance(searching(self.session, start))
        self.services.scanner.scan(start)

    @on(SizePanel.PresetsWanted)
    def _presets_wanted(self) -> None:
        from ..dialogs import ask_preset

        facts = self.session.facts
        sizes = facts.sizes if facts else Sizes()
        ask_preset(self.app, sizes.presets, self._put_size)

    def _put_size(self, size: tuple[int, int]) -> None:
        self.query_one(SizePanel).put(Size(*size, self.session.choices.batch))

    @on(SizePanel.LargestBatchWanted)
    def take_largest_batch(self) -> None:
        """Type the largest batch that fits."""
        largest = self.session.largest
        if largest is None or largest.batch is None:
            self.say("no batch fits at this size" if largest else "the largest batch is not known yet", "warning")
        else:
            self.query_one(SizePanel).put(self.session.choices.size._replace(batch=largest.batch))

    @on(SizePanel.PinWanted)
    def _pin(self) -> None:
        choices = self.session.choices
        self.advance(replace(self.session, choices=replace(choices, pinned=not choices.pinned)))

    @on(GpuPanel.NextDevice)
    def _next_device(self) -> None:
        devices, device = self.session.devices, self.session.choices[DEVICE]
        place = devices.index(device) if device in devices else -1
        self.query_one(OptionsPanel).choose_device(devices[(place + 1) % len(devices)])

    @on(GpuPanel.MeasurementWanted)
    def _measurement_wanted(self) -> None:
        from ..feeds.measure_gpu import measure_gpu

        device = self.session.choices[DEVICE]
        if device == "cpu":
            self.say("the CPU needs no measuring; d takes a GPU")
        else:
            self.say(f"measuring GPU {device} …")
            measure_gpu(device, self.post_message)

    @on(LogPanel.CopyWanted)
    def _copy_wanted(self, event: LogPanel.CopyWanted) -> None:
        from ..clipboard import copy

        self.say(copy(self.app, event.text))

    @on(ArtifactsPanel.ReportWanted)
    def _report_wanted(self, event: ArtifactsPanel.ReportWanted) -> None:
        from ..dialogs import open_report

        open_report(self.app, event.artifact)

    @on(ArtifactsPanel.ToolWanted)
    def _tool_wanted(self, event: ArtifactsPanel.ToolWanted) -> None:
        from ..dialogs import open_tool
        from ..tools import tool_named

        tool, path, shelved = tool_named(event.tool), event.artifact.path, event.artifact.shelved
        if shelved is None and event.artifact.published is None:
            self.say(f"{path.name} is not there yet; ^r exports it", "warning")
            return
        candidate = self.session.candidate
        weights = shelved.source if shelved is not None else None
        arguments = tool.arguments(path, weights or (candidate.path if candidate else None))
        if arguments is None:
            self.say("which weights? put the cursor of 1 on them", "warning")
            return
        open_tool(self.app, tool, path, arguments, self._rescan if tool.makes else lambda: None)

    # ---- what is in sight

    def on_resize(self, _: events.Resize) -> None:
        self.arranger.show()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.arranger.follow_focus(event.widget)

    def action_jump(self, name: str) -> None:
        self.arranger.jump(name)

    def action_zoom(self) -> None:
        self.arranger.zoom()

    def action_leave(self) -> None:
        if self._finder.is_open:
            self._finder.close()
        else:
            self.arranger.leave()

    def action_next(self) -> None:
        field = self.focused
        if self._finder.is_open:
            self._finder.close()
        elif not (isinstance(field, PathField) and field.complete()):
            self.focus_next()

    # ---- searching

    @property
    def _finder(self) -> Finder:
        return self.query_one(Finder)

    def action_search(self) -> None:
        if isinstance(self.focused, Window):
            self._finder.open(self.focused)

    def action_search_on(self, direction: int) -> None:
        if isinstance(self.focused, Window):
            self.say(self._finder.go_on(self.focused, direction))

    @on(PathField.Choices)
    def _choices(self, event: PathField.Choices) -> None:
        self.say("  ".join(event.names))

    def action_help(self) -> None:
        from ..dialogs import open_help

        open_help(self.app, self.arranger.focused)

    # ---- jobs

    def action_export(self) -> None:
        self._settle()
        self.exporter.export()

    def action_cancel(self) -> None:
        try:
            self.exporter.cancel()
        except HalfpintError as error:
            self.say(str(error), "error")

    @on(JobsPanel.Wanted)
    def _job_wanted(self, event: JobsPanel.Wanted) -> None:
        self.exporter.want(event.job, event.action)

    @on(JobNews)
    def _news(self, message: JobNews) -> None:
        self._take(message)
        end = message.finished
        if end is not None and end.manifest:
            made = self.session.jobs.made
            self.services.scanner.look(artifact.path for artifact in made if artifact.job == message.job.number)
        if end is not None and end.seconds > _LONG_SECONDS and time.time() - (message.job.ended or 0) < _LONG_SECONDS:
            word = "done" if end.exit_code == 0 else "cancelled" if end.exit_code == Cancelled.exit_code else "failed"
            announce(self.app, f"halfpint: #{message.job.number} {message.job.spec.weights.name} {word}")

    def action_show_command(self) -> None:
        self._settle()
        from ..dialogs import open_command

        candidate = self.session.candidate
        try:
            open_command(self.app, self.session.choices.spec(candidate.path if candidate else None))
        except BadRequest as error:
            self.say(str(error), "error")

    def action_fit_map(self) -> None:
        from ...core.plan import Planner
        from ..dialogs import open_fit_map
        from ..feeds.fit_map import Subject

        self._settle()
        wish = self.session.wish
        if wish is None or wish.now is None:
            self.say(f"no map: {self.session.obstacle or 'the machine has not been asked yet'}", "warning")
            return
        subject = Subject(Planner(wish.info, wish.network), wish.spec, wish.spec.precisions[0], wish.now)
        self._fit_map = open_fit_map(self.app, subject, self._put_size)
