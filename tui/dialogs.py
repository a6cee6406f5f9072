"""The dialogs over the main screen, each opened by one function. Loaded with the first one that is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App

from ..core.commandline import command
from ..core.errors import BadRequest
from ..core.events import ArtifactPublished, JobFinished
from ..core.jobs.database import Job
from ..core.jobs.store import EventReader
from ..core.memory.estimate import JobFit
from ..core.memory.fit import Fit
from ..core.options import NAME, OVERWRITE
from ..core.shapes import Preset, spelled
from ..core.spec import ExportSpec
from .clipboard import copy
from .feeds.fit_map import Subject
from .log_lines import told
from .option_words import on_screen
from .panels.panel import Panel
from .panels.registry import commands
from .report_lines import help_lines, report_lines
from .screens.beside import Beside
from .screens.choose import Answer, Choose
from .screens.fitmap import FitMapScreen
from .screens.reader import Reader
from .session import Artifact, Jobs, Record
from .status import in_words
from .tools import Tool
from .widgets.lines import plain

AnyApp = App[Any]
_NAMED = 3  # files by name, where there are more
T = TypeVar("T")


def open_help(app: AnyApp, panel: Panel) -> None:
    """What a panel is for, and all keys."""
    app.push_screen(Reader(f"Help: {panel.TITLE}", help_lines(panel.NAME, panel.HELP or "", commands(), panel.LESSONS)))


def open_command(app: AnyApp, spec: ExportSpec) -> None:
    """The command line of a job, copied."""
    line = command(spec)
    copied = copy(app, line)
    app.push_screen(Reader("The same from the shell", [plain(line, "strong"), plain(""), plain(copied, "dim")], line))


def open_report(app: AnyApp, artifact: Artifact) -> None:
    """All that is known of an artifact."""
    if artifact.failed is not None:
        lines = [plain("It was not published.", "strong"), plain(on_screen(artifact.failed.reason), "error")]
        lines += [plain(on_screen(artifact.failed.fix))] if artifact.failed.fix else []
    else:
        lines = report_lines(artifact.manifest, artifact.path.name)
    app.push_screen(Reader(artifact.path.name, lines))


def open_job(app: AnyApp, job: Job) -> None:
    """What happened in a job that is over, and the reports of what it published."""
    try:
        with contextlib.closing(EventReader(job.folder)) as reader:
            events = list(reader.new())
    except OSError:
        events = []
    if job.finished is not None and not any(isinstance(event, JobFinished) for event in events):
        events.append(job.finished)
    records = (Record(0, event, job) for event in events)
    lines = [entry.line for record in records if (entry := told(record)) is not None]
    lines += [plain(f"log: {job.folder.log_file}", "dim")]
    manifest = Path(job.finished.manifest) if job.finished is not None and job.finished.manifest else None
    for event in events:
        if isinstance(event, ArtifactPublished):
            lines += [plain(""), plain(Path(event.path).name, "strong")]
            lines += report_lines(manifest, Path(event.path).name)
    app.push_screen(Reader(f"Job #{job.number}: {job.spec.weights.name}", lines))


def open_tool(app: AnyApp, tool: Tool, path: Path, arguments: Sequence[str], over: Callable[[], object]) -> None:
    """Do something with an exported file, in a process beside the screen. `over`: called when it has ended well."""

    def closed(code: int | None) -> None:
        if code == 0:
            over()

    app.push_screen(Beside(f"{tool.title}: {path.name}", tool.module, arguments), closed)


def ask_preset(app: AnyApp, presets: Sequence[Preset], take: Callable[[tuple[int, int]], object]) -> None:
    """Which of the sizes that suit the weights, as (height, width) in px."""
    by_name = {spelled(*preset.size): preset for preset in presets}
    answers = [Answer(str(number), name, str(by_name[name])) for number, name in enumerate(by_name, 1)]
    question = Choose("Presets", "Height × width in px. x swaps the two afterwards.", answers)
    app.push_screen(question, _answered(lambda name: take(by_name[name].size)))


def open_fit_map(app: AnyApp, subject: Subject, take: Callable[[tuple[int, int]], object]) -> FitMapScreen:
    """Which sizes fit, and which one to take, as (height, width) in px.

    Tell the screen that is returned of newer snapshots by its `renew`; after it was closed that does nothing.
    """
    screen = FitMapScreen(subject)
    app.push_screen(screen, _answered(take))
    return screen


def ask_overwrite(
    app: AnyApp, specs: Sequence[ExportSpec], existing: Sequence[str], take: Callable[[Sequence[ExportSpec]], object]
) -> None:
    """What to do about files that exist already, which these jobs would make; `take` is given the jobs to do."""
    renamed = [spec if _free(spec) else spec.having(NAME, _free_name(spec)) for spec in specs]
    rest = [spec for spec in specs if spec.overwrite or _free(spec)]
    names = renamed[0].artifact_name if len(specs) == 1 else "by numbers"
    answers = [
        Answer("n", "rename", f"name the new ones {names}"),
        *([Answer("s", "skip", f"leave them; do the other {len(rest)}")] if rest else []),
        Answer("o", "overwrite", "overwrite, when the new files have been verified"),
    ]
    chosen = {"overwrite": [spec.having(OVERWRITE, True) for spec in specs], "rename": renamed, "skip": rest}
    more = f" and {len(existing) - _NAMED} more" if len(existing) > _NAMED else ""
    places = {spec.out for spec in specs}
    where = f" in {places.pop()}" if len(places) == 1 else ""
    text = f"{', '.join(existing[:_NAMED])}{more} {'exists' if len(existing) == 1 else 'exist'} already{where}."
    app.push_screen(Choose("Files exist", text, answers), _answered(lambda answer: take(chosen[answer])))


def ask_memory(
    app: AnyApp, found: JobFit, batch: int | None, take: Callable[[], object], smaller: Callable[[], object]
) -> None:
    """Whether a job is to begin that may not fit into memory, or will not.

    `batch`: the largest one that fits, if that is another; `smaller` takes it.
    """
    certain = found.fit is Fit.WILL_NOT_FIT
    answers = [Answer("b", "batch", f"take batch {batch}, the largest that fits")] if batch is not None else []
    answers.append(Answer("s", "start", "start anyway" if certain else "start"))
    question = Choose("Memory", found.decisive.sentence, answers)
    app.push_screen(question, _answered(lambda answer: take() if answer == "start" else smaller()))


def ask_quit(app: AnyApp, jobs: Jobs, mine: Sequence[Job], take: Callable[[bool], object]) -> None:
    """What to do about jobs that run and wait; `take` is told whether to cancel those of this screen, `mine`."""
    words = in_words(jobs)
    if not words:
        leave = [Answer("y", "keep", "leave")]
        app.push_screen(Choose("Leave", "No job runs or waits.", leave), _answered(lambda _: take(False)))
        return
    answers = [Answer("k", "keep", "leave; they go on without the screen")]
    if mine:
        which = f"cancel {' and '.join(f'#{job.number}' for job in mine)}" if len(mine) < 4 else f"cancel {len(mine)}"
        answers.append(Answer("c", "cancel", f"{which} of this screen, then leave"))
    text = f"{words[0].upper()}{words[1:]}. `halfpint jobs` lists them in any shell, and the next screen shows them."
    app.push_screen(Choose("Leave", text, answers), _answered(lambda answer: take(answer == "cancel")))


def _answered(take: Callable[[T], object]) -> Callable[[T | None], None]:
    """What to do when a dialog is closed: nothing, if it was closed without an answer."""

    def closed(answer: T | None) -> None:
        if answer is not None:
            take(answer)

    return closed


def _free_name(spec: ExportSpec) -> str:
    """The template with the first number that makes names which nothing has. Raises `BadRequest` after a thousand."""
    for number in range(2, 1000):
        name = f"{spec.destination[NAME]}-{number}"
        renamed = spec.having(NAME, name)
        if _free(renamed):
            return name
    raise BadRequest("there are a thousand files of this name", "choose another name")


def _free(spec: ExportSpec) -> bool:
    """Whether nothing has the names that a job gives."""
    return not any(path.exists() for path in (*map(spec.path, spec.kinds), spec.manifest))
