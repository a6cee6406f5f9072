"""The artifacts panel: what the jobs made, with its size, verdict and how far it is off."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.message import Message

from ...core.tables import in_noise
from ...core.units import megabytes
from ..commands import Command
from ..layout import Column as Side
from ..layout import Page
from ..session import Artifact, Session
from ..widgets.listing import Column, Listing, Row
from .table import TablePanel

_COLUMNS = (
    Column("file", 0, tail=True),
    Column("size", 8, right=True),
    Column("ratio", 5, right=True, drop=2),
    Column("predicted", 9, right=True, drop=3),
    Column("verdict", 7),
    Column("off by", 11, drop=1),
)
_KINDS = {"pass": "good", "warn": "warning", "fail": "error"}


class ArtifactsPanel(TablePanel):
    """A table of files."""

    NAME = "artifacts"
    TITLE = "Artifacts"
    COLUMN, PAGE = Side.LEFT, Page.OUTPUT
    COMMANDS = (Command("report", "enter", "Report", "All that is known of the artifact", "Report"),)
    HELP = (
        "What your jobs of the last day made, of all screens and shells: the size of each artifact, how that compares "
        "with the checkpoint and with the prediction, the verdict, and how far its answers are from the reference, as "
        "a multiple of what rounding alone does to this network. Enter shows the whole report: detections kept, bytes "
        "by part, input and output, every check, SHA-256."
    )
    DEFAULT_CSS = """
    ArtifactsPanel {
        height: 7;
        .-low & { height: 6; }
        Listing { height: 1fr; }
        .-tall & { height: 11; }
    }
    """

    class ReportWanted(Message):
        """The full report of an artifact is wanted."""

        def __init__(self, artifact: Artifact) -> None:
            super().__init__()
            self.artifact = artifact

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._newest = 0  # the job whose files are the last that were begun

    def compose(self) -> ComposeResult:
        yield Listing(_COLUMNS, empty="nothing yet", id="artifacts-made")

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.jobs.made, session.planned)

    def show(self) -> None:
        made = {str(artifact.path): artifact for artifact in self.session.jobs.made}
        rows = [row_of(artifact) for artifact in reversed(made.values())]
        planned = self.session.planned.artifacts if self.session.planned else ()
        rows += [row_of(Artifact(size.path, size.nbytes)) for size in planned if str(size.path) not in made]
        listing = self.query_one(Listing)
        listing.show(rows)
        newest = self.session.jobs.made[-1].job if made else 0
        if newest != self._newest:
            self._newest = newest
            if not listing.has_focus:  # a person who reads here is left alone
                listing.action_jump(0)

    def openrow_of(self) -> None:
        self.action_report()

    def action_report(self) -> None:
        row = self.row
        for artifact in self.session.jobs.made:
            if row is not None and row.key == str(artifact.path):
                self.post_message(self.ReportWanted(artifact))


def row_of(artifact: Artifact) -> Row:
    """The row of one file."""
    key, name = str(artifact.path), artifact.path.name
    predicted = megabytes(artifact.predicted) if artifact.predicted is not None else "–"
    if artifact.published is not None:
        made = artifact.published
        cells = (
            name,
            megabytes(made.nbytes),
            f"{made.ratio:.2f}",
            predicted,
            made.verdict.upper(),
            in_noise(made.noise_multiple),
        )
        return Row(key, cells, _KINDS[made.verdict])
    if artifact.failed is not None:
        verdict = artifact.failed.verdict.upper() or "–"  # without one it was never judged: its name was taken, say
        return Row(key, (name, "–", "–", predicted, verdict, "not made"), "error")
    return Row(key, (name, "–", "–", predicted, "–", "–"), "dim")
