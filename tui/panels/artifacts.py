"""The artifacts panel: what jobs made and what lies there already, with its size, verdict and what a person keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from textual.app import ComposeResult
from textual.message import Message

from ...core.tables import in_noise
from ...core.units import megabytes
from ..commands import SEARCH, Command
from ..feeds.shelf import Shelved
from ..layout import Column as Side
from ..layout import Page
from ..lessons import NOISE, TWICE, VERDICT
from ..path_text import below
from ..session import Artifact, Session
from ..tools import TOOLS
from ..widgets.listing import Column, Listing, Row
from .table import TablePanel

_COLUMNS = (
    Column("file", 0, path=True),
    Column("size", 8, right=True),
    Column("ratio", 5, right=True, drop=2),
    Column("predicted", 9, right=True, drop=3),
    Column("verdict", 7),
    Column("answers", 18, drop=1),
)
_KINDS = {"pass": "good", "warn": "warning", "fail": "error"}
_EMPTY = "what jobs make stands here, and exported files below the folder; ^r exports, enter shows a file's report"
_ORDERS = ("age", "name", "size", "verdict")


class ArtifactsPanel(TablePanel):
    """A table of files."""

    NAME = "artifacts"
    TITLE = "Artifacts"
    COLUMN, PAGE = Side.LEFT, Page.OUTPUT
    COMMANDS = (
        Command("report", "enter", "Report", "All that is known of the artifact", "Report"),
        *(Command(f"use({tool.name!r})", tool.key, tool.title, tool.help, tool.title) for tool in TOOLS),
        Command("sort", "s", "Sort", "By age, name, size or verdict", "Sort"),
        SEARCH,
    )
    HELP = (
        "What your jobs of the last day made, of all screens and shells, and the exported files below the folder: the "
        "size of each, how that compares with the checkpoint and with the prediction, and the verdict, which for files "
        "of earlier days comes from their manifests. Answers: how many of the things that the weights find on your "
        "images the file finds too, or else how far its answers are from the reference, as a multiple of what rounding "
        "alone does to this network. Enter shows the whole report."
    )
    LESSONS = (VERDICT, NOISE, TWICE)
    DEFAULT_CSS = """
    ArtifactsPanel {
        height: 7;
        &.-low { height: 6; }
        &.-output-page { height: 5; }
        Listing { height: 1fr; }
        &.-tall { height: 11; }
    }
    """

    class ReportWanted(Message):
        """The full report of an artifact is wanted."""

        def __init__(self, artifact: Artifact) -> None:
            super().__init__()
            self.artifact = artifact

    class ToolWanted(Message):
        """Something is to be done with an exported file: `tool` is one of `TOOLS` by its name."""

        def __init__(self, artifact: Artifact, tool: str) -> None:
            super().__init__()
            self.artifact, self.tool = artifact, tool

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._newest = 0  # the job whose files are the last that were begun
        self._order = 0
        self._listed: dict[str, Artifact] = {}

    def compose(self) -> ComposeResult:
        yield Listing(_COLUMNS, empty=_EMPTY, id="artifacts-made")

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.jobs.made, session.planned, session.search.shelf, session.search.start)

    def show(self) -> None:
        session = self.session
        self._listed = {str(artifact.path): artifact for artifact in listed(session)}
        start = str(session.search.start)
        rows = [row_of(artifact, start) for artifact in self._listed.values()]
        if self._order:
            column = (0, 0, 1, 4)[self._order]
            sizes = {str(a.path): -a.nbytes for a in self._listed.values()}
            rows.sort(key=lambda row: sizes[row.key] if column == 1 else str(row.cells[column]))
        listing = self.query_one(Listing)
        listing.show(rows)
        made = session.jobs.made
        newest = made[-1].job if made else 0
        if newest != self._newest:
            self._newest = newest
            if not listing.has_focus:  # a person who reads here is left alone
                listing.action_jump(0)

    @property
    def current(self) -> Artifact | None:
        """The file under the cursor."""
        return self._listed.get(self.row.key) if self.row is not None else None

    def open_row(self) -> None:
        self.action_report()

    def action_report(self) -> None:
        artifact = self.current
        if artifact is not None and (artifact.published or artifact.failed):
            self.post_message(self.ReportWanted(artifact))
        elif artifact is not None and artifact.shelved is not None:
            if artifact.shelved.manifest is not None:
                self.post_message(self.ReportWanted(replace(artifact, manifest=artifact.shelved.manifest)))
            else:
                self.post_message(self.ToolWanted(artifact, "inspect"))

    def action_use(self, tool: str) -> None:
        if self.current is not None:
            self.post_message(self.ToolWanted(self.current, tool))

    def action_sort(self) -> None:
        self._order = (self._order + 1) % len(_ORDERS)
        self.title(f": by {_ORDERS[self._order]}" if self._order else "")
        self.show()


def listed(session: Session) -> Iterator[Artifact]:
    """What jobs made, the newest first; what the job of the screen would make; what lies there already."""
    shelf = session.search.shelf
    told = {artifact.path: artifact for artifact in session.jobs.made}
    for artifact in reversed(told.values()):
        yield replace(artifact, shelved=shelf.get(artifact.path) if artifact.published else None)
    planned = session.planned.artifacts if session.planned else ()
    for size in planned:
        if size.path not in told:
            told[size.path] = Artifact(size.path, size.nbytes, shelved=shelf.get(size.path))
            yield told[size.path]
    rest = (shelved for path, shelved in shelf.items() if path not in told)
    for shelved in sorted(rest, key=lambda shelved: -shelved.modified):
        yield Artifact(shelved.path, shelved=shelved)


def row_of(artifact: Artifact, start: str = "") -> Row:
    """The row of one file. `start`: the folder that is searched."""
    key, name = str(artifact.path), below(str(artifact.path), start) if start else artifact.path.name
    predicted = megabytes(artifact.predicted) if artifact.predicted is not None else "–"
    shelved = artifact.shelved
    if artifact.published is not None:
        made = artifact.published
        answers = shelved.kept if shelved is not None and shelved.kept else in_noise(made.noise_multiple)
        cells = (name, megabytes(made.nbytes), f"{made.ratio:.2f}", predicted, made.verdict.upper(), answers)
        return Row(key, cells, _KINDS[made.verdict])
    if artifact.failed is not None:
        verdict = artifact.failed.verdict.upper() or "–"  # without one it was never judged: its name was taken, say
        return Row(key, (name, "–", "–", predicted, verdict, "not made"), "error")
    if shelved is not None:
        return _on_shelf(key, name, predicted, shelved)
    return Row(key, (name, "–", "–", predicted, "–", "–"), "dim")


def _on_shelf(key: str, name: str, predicted: str, shelved: Shelved) -> Row:
    """A file that was there before: what its manifest says."""
    ratio = f"{shelved.ratio:.2f}" if shelved.ratio is not None else "–"
    answers = shelved.kept or in_noise(shelved.noise)
    cells = (name, megabytes(shelved.nbytes), ratio, predicted, shelved.verdict.upper() or "–", answers)
    return Row(key, cells, _KINDS.get(shelved.verdict, ""))
