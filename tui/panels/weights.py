"""The weights panel: what was found below the folder, a filter, and the facts of the file under the cursor."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from ...core.text import brief, escaped
from ...core.units import megabytes, spelled_dtype
from ...core.weights.discover import SUFFIXES, Candidate
from ..feeds.inspector import Known
from ..text import from_home
from ..widgets.fields import TextField
from ..widgets.lines import Line, Lines, plain
from ..widgets.listing import Column, Listing, Row
from .panel import Panel

if TYPE_CHECKING:
    from ...core.inspect import WeightsInfo

_COLUMNS = (
    Column("name", 0, tail=True),
    Column("family", 9),
    Column("params", 7, right=True, drop=2),
    Column("prec.", 5, drop=1),
    Column("size", 8, right=True),
    Column("age", 4, right=True, drop=3),
)


class WeightsPanel(Panel):
    """The list of weights files, newest first."""

    NAME = "weights"
    TITLE = "Weights"
    HELP = (
        "The weights files below the folder, newest first. Type / and a part of a name to filter, or a path to open "
        "a file or search another folder. Files are read, never run; those that cannot be exported are dim, with the "
        "reason. Training checkpoints, releases and state dicts will do."
    )
    DEFAULT_CSS = """
    WeightsPanel {
        height: 1fr;
        min-height: 8;
        #filter { background: $boost; padding: 0 1; }
        Listing { height: 1fr; }
        #facts { height: 5; margin-top: 1; }
    }
    """

    class Highlighted(Message):
        """Another file is under the cursor, or none."""

        def __init__(self, candidate: Candidate | None) -> None:
            super().__init__()
            self.candidate = candidate

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

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._start = start
        self._known: dict[Candidate, Known] = {}
        self._rows: dict[Candidate, Row] = {}  # those that were made and are still true
        self._shown: dict[str, Candidate] = {}
        self._all: list[Candidate] = []
        self._opened = time.time()

    def compose(self) -> ComposeResult:
        yield Listing(_COLUMNS, empty="searching …", id="files")
        yield TextField(placeholder="/ filter, or a path", id="filter")
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
        return self._shown.get(row.key) if row else None

    def begin(self, start: Path) -> None:
        """A search begins: nothing is found yet."""
        self._start, self._all = start, []
        self._rows.clear()
        self.subtitle(f"{from_home(start)}: searching …")
        self._refill("searching …")

    def add(self, candidates: Iterable[Candidate], folders: int, over: bool) -> None:
        """Files were found."""
        self._all = sorted({*self._all, *candidates}, key=lambda c: (-c.modified, str(c.path)))
        state = (
            f"{len(self._all)} in {from_home(self._start)}" if over else f"{len(self._all)} so far, {folders} folders"
        )
        self.subtitle(state)
        self._refill(f"no weights ({', '.join(SUFFIXES)}) below this folder: type / and a path" if over else "")

    def learn(self, known: Known) -> None:
        """A file was looked at."""
        self._known[known.candidate] = known
        self._rows.pop(known.candidate, None)
        self._refill()
        if known.candidate == self.current:
            self._show_facts()

    def reveal(self, candidate: Candidate) -> None:
        """Put the cursor on a file, which is added if the search has not found it."""
        self.query_one("#filter", TextField).value = ""
        self._all = sorted({*self._all, candidate}, key=lambda c: (-c.modified, str(c.path)))
        self._refill()
        self.listing.go_to(str(candidate.path))
        self.listing.focus()

    def _refill(self, empty: str | None = None) -> None:
        wanted = self.query_one("#filter", TextField).value.strip().lower()
        if "/" in wanted or wanted.startswith("~"):
            wanted = ""  # a path is being typed
        shown = [c for c in self._all if wanted in escaped(self._called(c)).lower()] if wanted else self._all
        if wanted and self._all:
            empty = f"none of {len(self._all)} files has {wanted!r} in its name"
        self._shown = {str(c.path): c for c in shown}
        self.listing.show([self._row(c) for c in shown], empty=empty)
        self._tell_view()

    def _tell_view(self) -> None:
        seen = [self._shown[row.key] for row in self.listing.in_view if row.key in self._shown]
        first = [self.current] if self.current else []
        unknown = tuple(dict.fromkeys(c for c in (*first, *seen) if c not in self._known))
        self.post_message(self.InView(unknown))

    def _called(self, candidate: Candidate) -> str:
        try:
            return str(candidate.path.relative_to(self._start))
        except ValueError:
            return str(candidate.path)

    def _row(self, candidate: Candidate) -> Row:
        if candidate not in self._rows:
            self._rows[candidate] = self._made_row(candidate)
        return self._rows[candidate]

    def _made_row(self, candidate: Candidate) -> Row:
        key, known = str(candidate.path), self._known.get(candidate)
        size, age = megabytes(candidate.nbytes), _age(self._opened - candidate.modified)
        name = self._called(candidate)
        if known is None:
            return Row(key, (name, "…", "", "", size, age))
        info = known.info
        if info is None or known.refusal:
            reason = known.refusal.removeprefix(f"{candidate.path.name} ")
            return Row(key, (name, reason, None, None, size, age), "dim")
        cells = (name, _variant(info), _count(info.parameters), spelled_dtype(info.precision), size, age)
        return Row(key, cells)

    def _show_facts(self) -> None:
        candidate = self.current
        known = self._known.get(candidate) if candidate else None
        self.query_one("#facts", Lines).show(facts(known) if known else ())

    @on(Listing.Highlighted)
    def _moved(self, event: Listing.Highlighted) -> None:
        event.stop()
        self._show_facts()
        self.post_message(self.Highlighted(self.current))
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
        if "/" in text or text.startswith("~") or (path.is_file() and not self._shown):
            self.post_message(self.PathEntered(path if path.is_absolute() else self._start / path))
        else:
            self.listing.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and isinstance(self.screen.focused, TextField):
            self.listing.focus()
            event.stop()

    def action_filter(self) -> None:
        self.query_one("#filter").focus()

    def action_rescan(self) -> None:
        self.post_message(self.RescanWanted())


def facts(known: Known) -> list[Line]:
    """What is worth knowing of a file, in a few lines."""
    from ...core.ledger import source_ledger  # loaded with the first facts, after the first paint

    info = known.info
    if info is None:
        return [plain(known.refusal, "error")]
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
        lines.append(plain(known.refusal, "error"))
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
    """How long ago: `5 s`, `12 m`, `3 h`, `8 d`, `2 y`."""
    for unit, length in (("y", 31_557_600), ("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"
