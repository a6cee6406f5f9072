"""The export log: stages as they run, what workers print, job after job; by level, as long as wished."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.message import Message

from ...core.tables import from_home
from ..commands import SEARCH, Command
from ..entries import Entry
from ..layout import Column, Page
from ..lessons import NOISE, VERDICT
from ..session import LOG_KEPT, Session
from ..widgets.lines import plain
from ..widgets.tail import Tail
from .panel import Panel

_LEVELS = ("", "warnings and errors", "errors")  # the first one is all lines

_EMPTY = "what jobs do will stand here; ^r exports what the screen shows"


class LogPanel(Panel):
    """What happened, newest last. It stays at the end, unless the person scrolled away from it."""

    NAME = "log"
    TITLE = "Log"
    COLUMN, PAGE = Column.LEFT, Page.OUTPUT
    COMMANDS = (
        Command("level", "v", "Level", "Show all lines, or warnings and errors, or errors alone", "Level"),
        Command("all_jobs", "a", "All jobs", "Show the lines of all jobs again", "All"),
        Command("copy_log", "c", "Copy the log", "Copy the lines that are shown", "Copy"),
        SEARCH,
    )
    HELP = (
        "What your jobs do, of all screens and shells, each line with its job's number: stages with their seconds, "
        "warnings, and what workers print. v shows warnings or errors alone, c copies, z fills the screen. The lower "
        "border shows the file where the job's log stays."
    )
    LESSONS = (VERDICT, NOISE)
    DEFAULT_CSS = """
    LogPanel {
        height: 11;
        &.-low { height: 9; }
        #lines { height: 1fr; }
        &.-tall { height: 18; }
        &.-output-page { height: 1fr; }
    }
    """

    class CopyWanted(Message):
        """The lines are to be copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._entries: list[tuple[int, Entry]] = []  # by their jobs' numbers, the words for the records up to `_last`
        self._only = 0  # the number of the job whose lines are shown; 0: of all
        self._last = -1
        self._ongoing: tuple[tuple[int, Entry], ...] = ()
        self._level = 0

    def compose(self) -> ComposeResult:
        yield Tail(id="lines")

    def on_mount(self) -> None:
        self._lines.show([plain(_EMPTY, "dim")])

    @property
    def _lines(self) -> Tail:
        return self.query_one(Tail)

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.log[-1:], session.jobs.ongoing, session.jobs.running, session.jobs.last)

    def show(self) -> None:
        jobs, log = self.session.jobs, self.session.log
        if not log and jobs.last is None:
            return
        from ..log_lines import ongoing, told  # with the first news: the screen is painted before

        new = [record for record in log[-(log[-1].number - self._last) :] if record.number > self._last] if log else []
        if new:
            self._entries += [
                (record.job.number if record.job else 0, entry) for record in new if (entry := told(record)) is not None
            ]
            self._last = new[-1].number
            del self._entries[:-LOG_KEPT]
        begun = [job for job in jobs.running if job.number in jobs.ongoing]
        self._ongoing = tuple(
            (job.number, entry) for job in begun if (entry := ongoing(job, jobs.ongoing[job.number])) is not None
        )
        if jobs.last is not None:
            self.subtitle(from_home(jobs.last.folder.log_file))
        self._refill()

    def _refill(self) -> None:
        entries = [*self._entries, *self._ongoing]
        shown = [entry.line for job, entry in entries if entry.level >= self._level and self._only in (0, job)]
        if not entries:
            self._lines.show([plain(_EMPTY, "dim")])
            return
        nothing = f"no {_LEVELS[self._level] or 'lines'}{f' of job #{self._only}' if self._only else ''}; "
        nothing += "v shows all levels" if self._level else "a shows all jobs"
        self._lines.show(shown or [plain(nothing, "dim")])

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(_LEVELS)
        self._entitle()

    def follow_job(self, number: int) -> None:
        """Show the lines of one job alone."""
        self._only = number
        self._entitle()

    def action_all_jobs(self) -> None:
        self.follow_job(0)

    def _entitle(self) -> None:
        told = [f"#{self._only}"] if self._only else []
        told += [_LEVELS[self._level]] if self._level else []
        self.title(f": {', '.join(told)}" if told else "")
        self._refill()

    def action_copy_log(self) -> None:
        self.post_message(self.CopyWanted(self._lines.text))
