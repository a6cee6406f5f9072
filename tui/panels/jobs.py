"""The jobs panel: what runs, what waits and for what, what became of the others; of all screens and shells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message

from ...core.units import seconds_in_words
from ..commands import SEARCH, Command
from ..job_line import stage_words
from ..layout import Column as Side
from ..layout import Page
from ..option_words import on_screen
from ..path_text import below
from ..session import Session
from ..widgets.listing import Column, Listing, Row
from .table import TablePanel

if TYPE_CHECKING:
    from ...core.jobs.database import Job

_COLUMNS = (
    Column("job", 5, right=True),
    Column("weights", 16, path=True),
    Column("state", 0),
    Column("time", 21),
)
_KINDS = {"waiting": "dim", "running": "good", "failed": "error", "lost": "error", "cancelled": "warning"}


class JobsPanel(TablePanel):
    """A table of jobs: those that run, those that wait in their order, and the others, the newest first."""

    NAME = "jobs"
    TITLE = "Jobs"
    COLUMN, PAGE = Side.LEFT, Page.OUTPUT
    STANDS_IN_FOR = ("log", "artifacts")
    COMMANDS = (
        Command("open_job", "enter", "Open", "Follow a job in the log; of one that is over, its report", "Open"),
        Command("cancel_job", "x,delete", "Cancel", "Cancel the job, whether it runs or waits", "Cancel this"),
        Command("retry_job", "r", "Retry", "Do a job again that is over", "Retry"),
        Command("move_job(-1)", "shift+up", "Earlier", "Let a job that waits change places with the one before it"),
        Command("move_job(1)", "shift+down", "Later", "Let a job that waits change places with the one behind it"),
        SEARCH,
    )
    HELP = (
        "All your jobs, of every screen and shell: those that run, with their stage; those that wait, and for what; "
        "and what became of the others. The time that is left is told by the stages of an earlier job that made files "
        "of the same kinds; where there was none today, it is not told. Jobs go on without the screen; `halfpint jobs` "
        "shows them in a shell."
    )
    DEFAULT_CSS = """
    JobsPanel {
        height: 18;
        &.-low { height: 15; }
        Listing { height: 1fr; }
        &.-tall { height: 9; }
        &.-output-page { height: 1fr; }
    }
    """

    class Wanted(Message):
        """Something is to be done to a job: `action` is open, cancel, retry, earlier or later."""

        def __init__(self, job: Job, action: str) -> None:
            super().__init__()
            self.job, self.action = job, action

    def compose(self) -> ComposeResult:
        yield Listing(
            _COLUMNS,
            empty="your jobs stand here; ^r adds what the screen shows",
            id="jobs-known",
        )

    def parts(self, session: Session) -> tuple[object, ...]:
        jobs = session.jobs
        return (jobs.known, jobs.verdicts, jobs.ongoing, int(time.time()) if jobs.running else 0)

    def show(self) -> None:
        jobs, now = self.session.jobs, time.time()
        ordered = [*jobs.running, *jobs.waiting, *(job for job in jobs.known if job.state.over)]
        listing = self.query_one(Listing)
        listing.show([_row(self.session, job, now) for job in ordered])
        if not listing.has_focus:  # what runs is in sight; a person who reads here is left alone
            listing.action_jump(0)

    @property
    def current(self) -> Job | None:
        """The job under the cursor."""
        row = self.row
        return next((job for job in self.session.jobs.known if row is not None and job.id == row.key), None)

    def open_row(self) -> None:
        self.action_open_job()

    def action_open_job(self) -> None:
        self._want("open")

    def action_cancel_job(self) -> None:
        self._want("cancel")

    def action_retry_job(self) -> None:
        self._want("retry")

    def action_move_job(self, steps: int) -> None:
        self._want("earlier" if steps < 0 else "later")

    def _want(self, action: str) -> None:
        job = self.current
        if job is not None:
            self.post_message(self.Wanted(job, action))


def _row(session: Session, job: Job, now: float) -> Row:
    from ...core.jobs.state_words import state_words  # with the first job: the screen is painted before

    jobs = session.jobs
    state = state_words(job, jobs.verdicts.get(job.id, ()))
    event = jobs.ongoing.get(job.number)
    if event is not None and not job.cancelled:
        state = stage_words(event)
    elif job.state.over and job.finished is not None and job.finished.message:
        state = f"{state}: {on_screen(job.finished.message)}"
    elif job.state == "waiting" and not job.reason:
        state = "waits"
    kind = _KINDS.get(job.state, "")
    called = below(str(job.spec.weights), str(session.search.start))
    return Row(job.id, (f"#{job.number}", called, state, _time(session, job, now)), kind)


def _time(session: Session, job: Job, now: float) -> str | None:
    seconds = job.seconds(now)
    if seconds is None:
        return None  # why it waits needs the room
    if job.state.over:
        return seconds_in_words(seconds)
    from ..time_left import earlier_stages, seconds_left

    jobs = session.jobs
    earlier = earlier_stages(jobs, job)
    left = seconds_left(jobs.stages.get(job.number, ()), seconds, earlier)
    told = seconds_in_words(seconds)
    return told if left is None else f"{told}, about {seconds_in_words(left)} left"
