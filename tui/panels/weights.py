"""The weights panel: what was found below the folder, a filter, and the facts of the file under the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from ...core.tables import from_home
from ...core.text import brief, escaped
from ...core.units import megabytes, spelled_dtype
from ...core.weights.discover import SUFFIXES, Candidate
from ..commands import Command
from ..feeds.inspector import Known
from ..fuzzy import matching
from ..layout import Column as Side
from ..layout import Page
from ..lessons import STRIDE, TWICE
from ..messages import Highlighted, Marked
from ..path_words import is_path
from ..session import Session
from ..widgets.fields import PathField, TextField
from ..widgets.lines import Line, Lines, plain
from ..widgets.listing import Column, Listing, Row
from .panel import Panel

if TYPE_CHECKING:
    from ...core.inspect import WeightsInfo

_COLUMNS = (
    Column("name", 0, path=True),
    Column("family", 9),
    Column("params", 7, right=True, drop=2),
    Column("prec.", 5, drop=1),
    Column("size", 8, right=True),
    Column("age", 4, right=True, drop=3),
)
_MINUTE = 60  # seconds
_ORDERS: tuple[tuple[str, Callable[[Candidate], Any]], ...] = (
    ("age", lambda candidate: -candidate.modified),
    ("name", lambda candidate: str(candidate.path)),
    ("size", lambda candidate: -candidate.nbytes),
)


class WeightsPanel(Panel):
    """The list of weights files, newest first."""

    NAME = "weights"
    TITLE = "Weights"
    COLUMN, PAGE = Side.LEFT, Page.INPUT
    COMMANDS = (
        Command("filter", "slash", "Filter", "Type parts of a path, in any order; or a path to go to", "Filter"),
        Command("mark", "space", "Mark", "Mark the file: ^r makes a job of each marked one", "Mark"),
        Command("sort", "s", "Sort", "By age, by name, by size", "Sort"),
        Command("rescan", "r", "Search again", "Search the folder again", "Rescan"),
    )
    HELP = (
        "The weights files below the folder, newest first. Type / and parts of a path to filter, or a path to open "
        "a file or search another folder; tab completes it. Space marks files, to export them together, a job each. "
        "Files are read, never run. Those that cannot be exported are dim, with the reason. Training checkpoints, "
        "releases and state dicts all work."
    )
    LESSONS = (TWICE, STRIDE)
    DEFAULT_CSS = """
    WeightsPanel {
        height: 1fr;
        min-height: 8;
        #filter { background: $boost; padding: 0 1; }
        Listing { height: 1fr; }
        #facts { height: 5; margin-top: 1; }
        &.-low #facts { height: 3; margin-top: 0; }
    }
    """

    class InView(Message):
        """These files can be seen, the one under the cursor first: their facts are wanted."""

        def __init__(self, candidates: tuple[Candidate, ...]) -> None:
            super().__init__()
            self.candidates = candidates

    class PathEntered(Message):
        """A path was typed."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class RescanWanted(Message):
        """The folder is to be searched again."""

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._start = session.search.start
        # The rows that were made, with what was known of the file at that moment, whether it was marked, and its age.
        self._rows: dict[Candidate, tuple[Known | None, bool, str, Row]] = {}
        self._listed: dict[str, Candidate] = {}
        self._order = 0
        self._ordered: tuple[Sequence[Candidate], Sequence[Candidate]] = ((), ())  # as found, and as they are listed

    def compose(self) -> ComposeResult:
        yield Listing(_COLUMNS, empty="searching …", id="files")
        yield PathField(placeholder="/ filter, or a path", id="filter", suffixes=SUFFIXES)
        yield Lines(wrap=True, id="facts")

    @property
    def listing(self) -> Listing:
        return self.query_one(Listing)

    @property
    def target(self) -> Widget:
        return self.listing

    @property
    def current(self) -> Candidate | None:
        """The file under the cursor."""
        row = self.listing.current
        return self._listed.get(row.key) if row else None

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.search, session.known, session.marked, int(time.time() / _MINUTE))

    def show(self) -> None:
        search = self.session.search
        if search.start != self._start:
            self._start = search.start
            self._rows.clear()
        self.query_one("#filter", PathField).start = search.start
        self._refill()
        self._show_facts()

    def _tell_search(self) -> None:
        search = self.session.search
        count = len(search.candidates)
        if search.over:
            self.subtitle(f"{count} in {from_home(search.start)}")
        elif count or search.folders:
            self.subtitle(f"{count} so far, {search.folders} folders")
        else:
            self.subtitle(f"{from_home(search.start)}: searching …")

    def _sorted(self) -> Sequence[Candidate]:
        """The files in the order that is chosen; the search has them newest first."""
        found = self.session.search.candidates
        if found is not self._ordered[0]:
            self._ordered = (found, found if self._order == 0 else tuple(sorted(found, key=_ORDERS[self._order][1])))
        return self._ordered[1]

    def reveal(self, candidate: Candidate) -> None:
        """Put the cursor on a file of the list, whatever was filtered."""
        self.query_one("#filter", TextField).value = ""
        self._refill()
        self.listing.go_to(str(candidate.path))
        self.listing.focus()

    def _refill(self) -> None:
        search = self.session.search
        empty = "searching …"
        if search.over:
            empty = f"no weights ({', '.join(SUFFIXES)}) below this folder: / and a path leads to others"
        wanted = self.query_one("#filter", TextField).value.strip()
        if is_path(wanted):
            wanted = ""  # it is being typed
        found = self._sorted()
        listed = matching(found, [escaped(self._called(c)) for c in found], wanted) if wanted else found
        if wanted and found:
            empty = f"none of {len(found)} paths has {wanted!r} in it; esc leaves the filter, ^u empties it"
            self.subtitle(f"{len(listed)} of {len(found)} match")
        else:
            self._tell_search()
        self._listed = {str(c.path): c for c in listed}
        self.listing.show([self._row(c) for c in listed], empty=empty)
        self._tell_view()

    def _tell_view(self) -> None:
        seen = [self._listed[row.key] for row in self.listing.in_view if row.key in self._listed]
        first = [self.current] if self.current else []
        unknown = tuple(dict.fromkeys(c for c in (*first, *seen) if c not in self.session.known))
        self.post_message(self.InView(unknown))

    def _called(self, candidate: Candidate) -> str:
        try:
            return str(candidate.path.relative_to(self._start))
        except ValueError:
            return str(candidate.path)

    def _row(self, candidate: Candidate) -> Row:
        known = self.session.known.get(candidate)
        marked = candidate in self.session.marked
        age = _age(time.time() - candidate.modified)
        made = self._rows.get(candidate)
        if made is None or made[0] is not known or made[1] is not marked or made[2] != age:
            made = self._rows[candidate] = (known, marked, age, self._made_row(candidate, known, marked, age))
        return made[3]

    def _made_row(self, candidate: Candidate, known: Known | None, marked: bool, age: str) -> Row:
        key = str(candidate.path)
        size = megabytes(candidate.nbytes)
        name = f"{'* ' if marked else ''}{self._called(candidate)}"
        if known is None:
            return Row(key, (name, "…", "", "", size, age))
        info = known.info
        if info is None or known.refusal:
            kind = "error" if known.hostile else "dim"
            reason = f"! {known.reason}" if known.hostile else known.reason
            return Row(key, (name, reason, None, None, None, None), kind)
        cells = (name, _variant(info), _count(info.parameters), spelled_dtype(info.precision), size, age)
        return Row(key, cells)

    def _show_facts(self) -> None:
        candidate = self.current
        known = self.session.known.get(candidate) if candidate else None
        self.query_one("#facts", Lines).show(facts(known) if known else ())

    @on(Listing.Highlighted)
    def _moved(self, event: Listing.Highlighted) -> None:
        event.stop()
        self._show_facts()
        self.post_message(Highlighted(self.current))
        self._tell_view()

    @on(Listing.Scrolled)
    def _scrolled(self, event: Listing.Scrolled) -> None:
        event.stop()
        self._tell_view()

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        self.screen.query_one("#size Input").focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._refill()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        path = Path(text).expanduser()
        if is_path(text) or (text and not self._listed and (self._start / path).exists()):
            self.post_message(self.PathEntered(path if path.is_absolute() else self._start / path))
        else:
            self.listing.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and isinstance(self.screen.focused, TextField):
            self.listing.focus()
            event.stop()

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_mark(self) -> None:
        if self.current is not None:
            self.post_message(Marked(self.current))
            self.listing.action_move(1)

    def action_sort(self) -> None:
        self._order = (self._order + 1) % len(_ORDERS)
        self._ordered = ((), ())
        self.title(f": by {_ORDERS[self._order][0]}" if self._order else "")
        self._refill()

    def action_rescan(self) -> None:
        self.post_message(self.RescanWanted())


def facts(known: Known) -> list[Line]:
    """What is worth knowing of a file, in a few lines."""
    from ...core.ledger import source_ledger  # loaded with the first facts, after the first paint

    info = known.info
    place = plain(from_home(known.candidate.path), "dim")
    if info is None:
        return [plain(known.reason, "error"), place]
    told = info.facts
    size = told.training_size
    head = [told.task, f"stride {told.stride}", f"{told.channels} channels"]
    head += [f"{len(told.names)} classes"] if told.names else []
    head += [f"trained at {size[0]}×{size[1]}"] if size else []
    lines: list[Line] = [((brief(_variant(info)), "strong"), (" · " + " · ".join(head), ""))]
    lines.append(plain(source_ledger(info).explanation, "dim"))
    if told.names:
        shown = ", ".join(brief(name) for name in list(told.names.values())[:12])
        lines.append(plain(f"classes: {shown}{', …' if len(told.names) > 12 else ''}", "dim"))
    if known.refusal:
        lines.insert(0, plain(known.reason, "error"))
    lines.insert(1, place)
    return lines


def _variant(info: WeightsInfo) -> str:
    return (
        info.facts.variant.partition(" (")[0]
        if info.facts.variant.startswith(info.facts.family)
        else (f"{info.facts.family}*")
    )


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 100_000 else f"{parameters:,}"


def _age(seconds: float) -> str:
    """How long ago: `now`, `12 m`, `3 h`, `8 d`, `2 y`. The list tells it anew every minute."""
    for unit, length in (("y", 31_557_600), ("d", 86_400), ("h", 3600), ("m", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"
