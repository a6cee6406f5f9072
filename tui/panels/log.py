"""The export log: stages as they run, what workers print, job after job; by level, as long as wished."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.message import Message

from ..entries import Entry, entry
from ..feeds.jobs import JobNews
from ..text import from_home
from ..widgets.lines import Lines, plain
from .panel import Panel

_LEVELS = ("all", "warnings and errors", "errors")
_KEPT = 5000  # lines; the job's own log file has them all


class LogPanel(Panel):
    """What happened, newest last. It stays at the end, unless the person scrolled away from it."""

    NAME = "log"
    TITLE = "Log"
    HELP = (
        "What the jobs do, each line with its job's number: stages with their seconds, warnings, and what workers "
        "print. v shows warnings or errors alone, c copies, z fills the screen. The path in the lower border is the "
        "job's folder: its log is there, too, after the screen has ended."
    )
    DEFAULT_CSS = """
    LogPanel {
        height: 11;
        #lines { height: 1fr; }
    }
    """

    class CopyWanted(Message):
        """The lines are to be copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._ongoing: Entry | None = None
        self._level = 0

    def compose(self) -> ComposeResult:
        yield Lines(focusable=True, id="lines")

    def on_mount(self) -> None:
        self._lines.show([plain("nothing was exported yet; ^r exports what the screen shows", "dim")])

    @property
    def _lines(self) -> Lines:
        return self.query_one(Lines)

    def say(self, text: str, kind: str = "", level: int = 0) -> None:
        """Add a line of the screen's own."""
        self._entries.append(entry(text, kind, level))
        self._refill()

    def news(self, news: JobNews) -> None:
        """Add what happened in a job."""
        from ..telling import ongoing, told  # with the first news: the screen is painted before

        self._entries += told(news)
        self._ongoing = ongoing(news.job, news.events, self._ongoing)
        del self._entries[:-_KEPT]
        self.subtitle(from_home(news.job.folder.log_file))
        self._refill()

    def _refill(self) -> None:
        entries = [*self._entries, self._ongoing] if self._ongoing else self._entries
        shown = [entry.line for entry in entries if entry.level >= self._level]
        lines = self._lines
        lines.show(shown or [plain(f"no {_LEVELS[self._level]}", "dim")], end=lines.at_end)

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(_LEVELS)
        self.title(f": {_LEVELS[self._level]}" if self._level else "")
        self._refill()

    def action_copy_log(self) -> None:
        self.post_message(self.CopyWanted(self._lines.text))
