"""What the keys do about jobs: export what the screen shows or what is marked, cancel, try again, move, look at one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ...core.errors import HalfpintError
from ...core.options import FORCE
from ..choices import assess
from ..panels.log import LogPanel
from ..reducers import listed
from ..session import Session

if TYPE_CHECKING:
    from ...core.jobs.database import Job
    from ...core.spec import ExportSpec
    from .main import MainScreen


class Exporter:
    """Does so for a main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

    def export(self) -> None:
        """Make jobs of what is marked, or else of what the screen shows; ask where something is in the way."""
        screen, session = self._screen, self._screen.session
        if session.marked:
            self._export_marked(session)
            return
        spec, obstacle = session.spec, session.obstacle
        if spec is None or obstacle:
            screen.app.bell()
            screen.say(f"no export: {obstacle}", "error")
            return
        plan = session.plan_of_this_job
        if plan is not None and plan.fit is not None and plan.fit.risky:
            from ..dialogs import ask_memory

            largest = session.largest.batch if session.largest is not None else None
            batch = largest if largest is not None and largest < spec.batch else None
            force = partial(self._settle, [spec.having(FORCE, True)])
            ask_memory(screen.app, plan.fit, batch, force, screen.take_largest_batch)
        else:
            self._settle([spec])

    def submit(self, specs: Sequence[ExportSpec]) -> None:
        """Add jobs."""
        screen = self._screen
        for spec in specs:
            try:
                job = screen.services.jobs.submit(spec)
            except HalfpintError as error:
                screen.say(str(error), "error")
                return
            known = screen.session.jobs.known
            before = [other for other in known if not other.state.over]
            session = listed(screen.session, (job, *known))
            if before:
                text = f"#{job.number} {spec.weights.name} is in the queue behind #{before[0].number}"
                session = session.remark(text, "dim")
            screen.advance(session)

    def cancel(self) -> None:
        """Cancel the job that runs; of several the one that began last; if none runs, the one that is next."""
        jobs = self._screen.session.jobs
        ending = jobs.running[-1:] or jobs.waiting[:1]
        if ending:
            self._cancel(ending[0])
        else:
            self._screen.say("no job runs")

    def want(self, job: Job, action: str) -> None:
        """Do to a job what is asked for: open, cancel, retry, earlier or later."""
        feed = self._screen.services.jobs
        actions: Mapping[str, Callable[[Job], object]] = {
            "open": self._open,
            "cancel": self._cancel,
            "retry": self._retry,
            "earlier": partial(feed.move, steps=-1),
            "later": partial(feed.move, steps=1),
        }
        try:
            actions[action](job)
        except HalfpintError as error:
            self._screen.say(str(error), "error")

    def _export_marked(self, session: Session) -> None:
        specs: list[ExportSpec] = []
        for candidate in session.marked:
            known = session.known.get(candidate)
            if known is None:  # nobody looked at it yet: its job does
                specs.append(session.choices.spec(candidate.path))
                continue
            found = assess(session.choices, candidate.path, known.info.facts if known.info else None, known.refusal)
            if found.spec is not None:
                specs.append(found.spec)
            else:
                text = f"{candidate.path.name} is not exported: {found.obstacle}"
                self._screen.advance(self._screen.session.remark(text, "warning", 1))
        self._settle(specs)

    def _settle(self, specs: Sequence[ExportSpec]) -> None:
        """Add jobs; ask first what to do about files that exist already."""
        for folder in dict.fromkeys(spec.out for spec in specs):
            there = next(path for path in (folder, *folder.parents) if path.exists())
            if not there.is_dir():
                self._screen.app.bell()
                self._screen.say(f"no export: {there} is a file, not a folder; choose another --out", "error")
                return
        paths = [spec.path(kind) for spec in specs if not spec.overwrite for kind in spec.kinds]
        existing = [path.name for path in paths if path.exists()]
        if existing:
            from ..dialogs import ask_overwrite

            ask_overwrite(self._screen.app, specs, existing, self._submit_all)
        else:
            self._submit_all(specs)

    def _submit_all(self, specs: Sequence[ExportSpec]) -> None:
        self._screen.advance(self._screen.session.unmarked())
        self.submit(specs)

    def _cancel(self, job: Job) -> None:
        self._screen.services.jobs.cancel([job])
        self._screen.say(f"cancelling #{job.number} …", "warning")

    def _retry(self, job: Job) -> None:
        again = self._screen.services.jobs.retry(job)
        self._screen.advance(self._screen.session.remark(f"#{again.number} does #{job.number} again", "dim"))

    def _open(self, job: Job) -> None:
        if job.state.over:
            from ..dialogs import open_job

            open_job(self._screen.app, job)
        else:
            self._screen.query_one(LogPanel).follow_job(job.number)
            self._screen.arranger.jump(LogPanel.NAME)
