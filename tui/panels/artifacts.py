"""The artifacts panel: what the jobs of this screen made, with its size, verdict and how far it is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from ...core.units import megabytes
from ..feeds.jobs import JobNews
from ..text import in_noise
from ..widgets.listing import Column, Listing, Row
from .panel import Panel

if TYPE_CHECKING:
    from ...core.jobs.events import ArtifactFailed, ArtifactPublished
    from ...core.sizes import ArtifactSize

_COLUMNS = (
    Column("file", 0, tail=True),
    Column("size", 8, right=True),
    Column("ratio", 5, right=True, drop=2),
    Column("predicted", 9, right=True, drop=3),
    Column("verdict", 7),
    Column("off by", 11, drop=1),
)
_KINDS = {"pass": "good", "warn": "warning", "fail": "error"}


@dataclass(frozen=True)
class Artifact:
    """A file that a job makes or made. `predicted`: its size in bytes before it existed, if that was told."""

    path: Path
    predicted: int | None = None
    published: ArtifactPublished | None = None
    failed: ArtifactFailed | None = None

    @property
    def manifest(self) -> Path:
        """Where its job's manifest lies."""
        name = self.path.name.removesuffix(self.path.suffix).removesuffix(".fp16")
        return self.path.with_name(f"{name}.halfpint.json")


class ArtifactsPanel(Panel):
    """A table of files."""

    NAME = "artifacts"
    TITLE = "Artifacts"
    HELP = (
        "What the jobs of this screen made: size, ratio to the checkpoint's size, the size that was predicted, the "
        "verdict of the verification, and how far the answers are from the float64 reference, in units of what "
        "rounding alone does to this network. Enter shows all that is known: what is kept of the answers, bytes, "
        "input and output, every check, SHA-256."
    )
    DEFAULT_CSS = """
    ArtifactsPanel {
        height: 7;
        Listing { height: 1fr; }
    }
    """

    class ReportWanted(Message):
        """The full report of an artifact is wanted."""

        def __init__(self, artifact: Artifact) -> None:
            super().__init__()
            self.artifact = artifact

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, Artifact] = {}
        self._planned: dict[str, Artifact] = {}

    def compose(self) -> ComposeResult:
        yield Listing(_COLUMNS, empty="nothing yet", id="artifacts-made")

    def plan(self, planned: Sequence[ArtifactSize]) -> None:
        """Show what an export would make now."""
        rows = {str(size.path): Artifact(size.path, size.nbytes) for size in planned}
        if rows != self._planned:
            self._planned = rows
            self._refill()

    def news(self, news: JobNews) -> None:
        """Take what happened in a job."""
        from ...core.jobs.events import ArtifactFailed, ArtifactPublished, JobStarted

        for event in news.events:
            match event:
                case JobStarted():
                    for path in event.artifacts:
                        planned = self._planned.get(path, Artifact(Path(path)))
                        self._made.pop(path, None)  # so that it is put last
                        self._made[path] = planned
                case ArtifactPublished():
                    self._made[event.path] = replace(self._made[event.path], published=event)
                case ArtifactFailed():
                    self._made[event.path] = replace(self._made[event.path], failed=event)
                case _:
                    pass
        if news.finished:
            self._made = {path: a for path, a in self._made.items() if a.published or a.failed}
        self._refill()

    def _refill(self) -> None:
        made = [_row(artifact) for artifact in reversed(self._made.values())]
        planned = [_row(artifact) for path, artifact in self._planned.items() if path not in self._made]
        self.query_one(Listing).show([*made, *planned])

    @on(Listing.Highlighted)
    def _moved(self, event: Listing.Highlighted) -> None:
        event.stop()

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        self.action_report()

    def action_report(self) -> None:
        row = self.query_one(Listing).current
        if row is not None and row.key in self._made:
            self.post_message(self.ReportWanted(self._made[row.key]))


def _row(artifact: Artifact) -> Row:
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
        return Row(key, (name, "–", "–", predicted, "FAIL", "see enter"), "error")
    return Row(key, (name, "–", "–", predicted, "–", "–"), "dim")
