"""The screen's state: what each message makes of it, without a screen; and what a panel has to declare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from halfpint.core.devices import GpuReport, HostMemory
from halfpint.core.events import (
    ArtifactFailed,
    ArtifactPublished,
    Event,
    JobFinished,
    JobStarted,
    MemoryMeasured,
    MemoryPredicted,
    Progress,
    StageFinished,
)
from halfpint.core.families.family import Facts
from halfpint.core.inspect import WeightsInfo
from halfpint.core.jobs.database import Job, State
from halfpint.core.memory.overheads import DOCUMENTED
from halfpint.core.options import DEVICE
from halfpint.core.plan import Plan
from halfpint.core.shapes import Preset, Sizes
from halfpint.core.sizes import ArtifactSize
from halfpint.core.spec import ExportSpec
from halfpint.core.weights.discover import Candidate
from halfpint.tui.choices import Assessment, Choices, Size, kind_of
from halfpint.tui.commands import Command
from halfpint.tui.feeds.devices import Sample, Sampled
from halfpint.tui.feeds.inspector import Inspected, Known
from halfpint.tui.feeds.jobs import JobNews, JobsListed
from halfpint.tui.feeds.scanner import Found
from halfpint.tui.job_line import job_line
from halfpint.tui.layout import Column, Page
from halfpint.tui.messages import Highlighted, SizeTyped
from halfpint.tui.option_words import on_screen
from halfpint.tui.panels import registry
from halfpint.tui.panels.artifacts import row_of
from halfpint.tui.panels.panel import Panel
from halfpint.tui.reducers import begun_anew, predicted, reduced, searching
from halfpint.tui.session import LOG_KEPT, Artifact, Search, Session
from halfpint.tui.status import status_line
from halfpint.tui.time_left import seconds_left, share_done
from halfpint.tui.widgets.lines import Lines, plain
from support.screen import drive, screen

FOLDER = Path("/weights")
OLD, NEW = Candidate(FOLDER / "old.pt", 100, 1.0), Candidate(FOLDER / "new.pt", 200, 2.0)


@pytest.fixture
def session() -> Session:
    return Session(Choices(), Search(FOLDER))


def job(number: int, state: State = State.RUNNING) -> Job:
    return cast(Job, SimpleNamespace(number=number, state=state, began=number, place=number, ended=None))


def after(session: Session, *events: Event, number: int = 1, output: str = "") -> Session:
    return reduced(session, JobNews(job(number), events, output))


def test_files_are_listed_newest_first_and_those_of_an_earlier_search_are_not(session: Session) -> None:
    session = reduced(session, Found(FOLDER, (OLD,), 1, over=False))
    session = reduced(session, Found(FOLDER, (NEW,), 2, over=True))
    assert session.search == Search(FOLDER, (NEW, OLD), 2, over=True)
    elsewhere = searching(session, Path("/elsewhere"))
    assert reduced(elsewhere, Found(FOLDER, (OLD,), 3, over=True)).search.candidates == ()


def test_a_state_is_never_changed(session: Session) -> None:
    before = session
    reduced(session, Inspected(Known(NEW, None, "damaged")))
    reduced(session, SizeTyped(Size(320, 320, 1)))
    assert session == before and session.known == {} and session.choices.size == Size(640, 640, 1)


def test_a_refused_file_under_the_cursor_is_the_obstacle(session: Session) -> None:
    session = reduced(session, Highlighted(NEW))
    assert session.obstacle == "the weights are still being looked at"
    session = reduced(session, Inspected(Known(NEW, None, "it is damaged")))
    assert session.obstacle == "it is damaged" and session.wish is None
    assert "".join(text for text, _ in status_line(session)) == "no export: it is damaged"


def test_a_notice_stands_until_the_next_change(session: Session) -> None:
    noticed = session.noticed("copied", "good")
    assert status_line(noticed) == plain("copied", "good")
    assert reduced(noticed, SizeTyped(Size(320, 320, 1))).notice is None


def test_a_job_s_files_appear_when_it_begins_and_stay_if_something_came_of_them(session: Session) -> None:
    session = after(session, JobStarted("w.pt", ("/out/w.onnx", "/out/w.fp16.onnx")))
    assert [artifact.path.name for artifact in session.jobs.made] == ["w.onnx", "w.fp16.onnx"]
    session = after(session, published("/out/w.onnx"), JobFinished(1, 2.0, manifest="/out/w.halfpint.json"))
    (made,) = session.jobs.made
    assert made.published is not None and made.manifest == Path("/out/w.halfpint.json")


def test_what_a_job_does_right_now_is_the_last_thing_it_began(session: Session) -> None:
    session = after(session, Progress("read", "", 1, 2, "model.0"))
    assert session.jobs.ongoing == {1: Progress("read", "", 1, 2, "model.0")}
    assert after(session, StageFinished("read", "", 0.1, "")).jobs.ongoing == {}


def test_memory_is_that_of_the_last_job(session: Session) -> None:
    predicted, measured = MemoryPredicted(100, 200), MemoryMeasured(150)
    session = after(session, predicted, measured)
    memory = session.jobs.memory
    assert memory is not None and (memory.predicted, memory.measured, memory.over) == (predicted, measured, False)
    session = after(session, MemoryMeasured(170), JobFinished(0, 1.0))
    assert session.jobs.memory is not None and session.jobs.memory.over
    other = after(session, MemoryMeasured(20), number=2).jobs.memory
    assert other is not None and (other.job, other.predicted) == (2, None)


def test_the_log_is_numbered_and_bounded(session: Session) -> None:
    for _ in range(3):
        session = after(session, output="line\n" * LOG_KEPT)
    assert len(session.log) == LOG_KEPT
    assert [record.number for record in session.log] == list(range(2 * LOG_KEPT, 3 * LOG_KEPT))


def test_the_queue_is_what_the_feed_says(session: Session) -> None:
    waiting = (job(3, State.WAITING), job(2, State.WAITING))
    session = reduced(session, JobsListed((*waiting, job(1), job(0, State.DONE)), {}))
    assert [job.number for job in session.jobs.running] == [1]
    assert [job.number for job in session.jobs.waiting] == [2, 3]
    assert "job #1 runs, 2 wait" in "".join(text for text, _ in status_line(session))


def test_the_time_that_is_left_is_told_by_the_shares_of_an_earlier_job() -> None:
    def stage(name: str, seconds: float, artifact: str = "a") -> StageFinished:
        return StageFinished(name, artifact, seconds, "")

    earlier = [stage("read", 1), stage("write", 2), stage("verify", 1), stage("write", 4, "b"), stage("publish", 2)]
    assert seconds_left([stage("read", 3)], 3, earlier) == pytest.approx(27)
    begun = [stage("read", 3), stage("write", 5, "x"), stage("verify", 4, "x")]
    assert seconds_left(begun, 12, earlier) == pytest.approx(18)
    assert seconds_left([], 3, earlier) is None and seconds_left(begun, 12, []) is None


def test_a_job_without_an_example_is_told_by_its_stages() -> None:
    def stage(name: str) -> StageFinished:
        return StageFinished(name, "a", 1.0, "")

    assert share_done([stage("read"), stage("write")], (), 2) == pytest.approx(2 / 8)
    assert share_done([stage("read")], [stage("read"), stage("write"), stage("run"), stage("publish")], 2) == 0.25
    assert share_done([stage("read")] * 99, (), 1) == 1.0


def test_what_came_of_a_job_stays_until_another_runs(session: Session) -> None:
    def told(end: JobFinished) -> str:
        over = after(session, JobStarted("w.pt", ("/out/w.onnx",)), published("/out/w.onnx"), end)
        line = job_line(reduced(over, SizeTyped(Size(320, 320, 1))), now=9.0)
        return "".join(text for text, _ in line or ())

    assert job_line(session, now=9.0) is None
    assert told(JobFinished(0, 3.0, "/out/w.halfpint.json")) == "#1 done in 3 s: w.onnx, PASS · /out"
    assert told(JobFinished(130, 2.0)) == "#1 cancelled after 2 s; nothing of it was written"
    assert told(JobFinished(1, 2.0, message="the disk is full")).startswith("#1 failed after 2 s: the disk is full")
    earlier = replace(session, opened=5.0)
    news = JobNews(cast(Job, SimpleNamespace(**{**vars(job(1)), "ended": 4.0})), (JobFinished(0, 1.0),), "")
    assert job_line(reduced(earlier, news), now=9.0) is None  # it ended before the screen was opened


def test_weights_of_another_family_begin_with_a_size_of_their_own(session: Session) -> None:
    def facts(family: str, default: tuple[int, int]) -> Facts:
        return Facts(family, family, "", "detect", 32, 3, {}, None, Sizes((Preset(*default),)))

    def at(session: Session, candidate: Candidate, its: Facts) -> tuple[Session, Size | None]:
        known = Known(candidate, cast(WeightsInfo, SimpleNamespace(facts=its)))
        moved = reduced(reduced(session, Inspected(known)), Highlighted(candidate))
        size = begun_anew(session, moved)
        moved = replace(moved, sized_for=kind_of(its))
        return (reduced(moved, SizeTyped(size)) if size else moved), size

    detector, text = facts("yolov5", (640, 640)), facts("dbnet", (800, 800))
    session, size = at(session, OLD, detector)
    assert size is None and session.choices.size == Size(640, 640, 1)
    session = reduced(session, SizeTyped(Size(320, 64, 8)))
    session = reduced(session, SizeTyped(Size(321, 64, 8)))  # illegal: not remembered
    session, size = at(session, NEW, text)
    assert size == Size(800, 800, 1)
    session, size = at(session, OLD, detector)
    assert size == Size(320, 64, 1)
    session = replace(session, choices=replace(session.choices.with_size(Size(320, 64, 8)), pinned=True))
    session, size = at(session, NEW, text)
    assert size == Size(800, 800, 8)


def test_a_gpu_that_was_never_measured_is_told_once(session: Session) -> None:
    sample = Sample(GpuReport(), HostMemory(8, 16), None, {0: DOCUMENTED, 3: DOCUMENTED})
    session = reduced(reduced(session, Sampled(sample)), Sampled(sample))
    assert [record.what for record in session.log] == [
        "GPUs 0, 3 are not measured: 4 c measures what CUDA itself takes"
    ]


def test_a_size_that_is_predicted_after_its_job_began_is_told_too(session: Session) -> None:
    spec = ExportSpec.of(FOLDER / "w.pt", FOLDER, 64, 64, 1)
    path = spec.path(spec.kinds[0])
    session = replace(session, candidate=Candidate(spec.weights, 1, 1.0))
    begun = JobNews(
        cast(Job, SimpleNamespace(number=1, state=State.RUNNING, spec=spec)),
        (JobStarted(str(spec.weights), (str(path),)),),
        "",
    )
    plan = cast(Plan, SimpleNamespace(spec=spec, artifacts=(ArtifactSize(spec.kinds[0], path, 77, exact=True),)))
    early = reduced(replace(session, planned=plan), begun)
    late = reduced(session, begun)
    assert late.jobs.made[0].predicted is None
    assert early.jobs.made[0].predicted == predicted(late.jobs, plan).made[0].predicted == 77
    other = cast(Plan, SimpleNamespace(spec=spec.sized(96, 96), artifacts=plan.artifacts))
    assert predicted(late.jobs, other) == late.jobs


def test_what_was_never_judged_has_no_verdict(session: Session) -> None:
    failed = (ArtifactFailed("/a.onnx", "taken"), ArtifactFailed("/b.onnx", "off", verdict="fail"))
    rows = [row_of(Artifact(Path(event.path), failed=event)) for event in failed]
    assert [row.cells[4] for row in rows] == ["–", "FAIL"]


def test_a_gpu_that_has_gone_is_an_obstacle(session: Session) -> None:
    spec = ExportSpec.of(FOLDER / "w.pt", FOLDER, 64, 64, 1)
    session = replace(session, choices=session.choices.having(DEVICE, "3"))
    session.__dict__["assessment"] = Assessment(spec=spec)
    assert session.obstacle == ""  # nobody was asked yet
    asked = replace(session, sample=Sample(GpuReport(), HostMemory(8, 16), None, {}))
    asked.__dict__["assessment"] = Assessment(spec=spec)
    assert asked.obstacle == "GPU 3 is not there; d in 4 takes another device"


def test_flags_of_the_command_are_told_as_the_screen_calls_them() -> None:
    told = on_screen("give --overwrite to replace it, or --name or --out for another place; or --force, --max-loss")
    assert told == (
        "give “overwrite” (3) to replace it, or “name” (3) or “folder” (3) for another place; "
        "or ^r, --max-loss of the command"
    )


def test_a_panel_of_another_kind_is_a_class_and_a_line_of_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ClockPanel(Panel):
        NAME, TITLE, HELP = "clock", "Clock", "Tells the time."
        COLUMN, PAGE = Column.RIGHT, Page.OUTPUT
        COMMANDS = (Command("wind", "w", "Wind", "Wind the clock", "Wind"),)
        wound = False

        def compose(self) -> Any:
            yield Lines(focusable=True, id="time")

        def parts(self, session: Session) -> tuple[object, ...]:
            return (session.choices.size,)

        def show(self) -> None:
            self.query_one(Lines).show([plain(f"half past {self.session.choices.height}")])

        def action_wind(self) -> None:
            self.wound = True

    monkeypatch.setattr(registry, "PANELS", (*registry.PANELS, ClockPanel))
    for module in ("halfpint.tui.screens.main", "halfpint.tui.screens.arranger"):
        monkeypatch.setattr(f"{module}.PANELS", registry.PANELS)

    async def script() -> None:
        async with screen(tmp_path, size=(120, 50)) as s:
            panel = s.main.query_one(ClockPanel)
            assert str(panel.border_title) == "8 Clock" and panel.region.area
            assert panel.query_one(Lines).text == "half past 640"
            s.main.arranger.jump("clock")
            await s.press("w")
            assert panel.wound
            assert "Wind" in s.main.query_one("#keys", Lines).text
            s.main.advance(reduced(s.main.session, SizeTyped(Size(320, 320, 1))))
            assert panel.query_one(Lines).text == "half past 320"
            await s.press("question_mark")
            assert "Tells the time." in s.reading and "Wind the clock" in s.reading

    drive(script())


def published(path: str) -> ArtifactPublished:
    """An artifact's event, whatever fields it has: those that do not matter here are empty."""
    import dataclasses

    empty = {"str": "", "int": 0, "float": 0.0}
    values: dict[str, Any] = {
        field.name: empty.get(str(field.type), ()) for field in dataclasses.fields(ArtifactPublished)
    }
    return ArtifactPublished(**{**values, "path": path, "verdict": "pass"})
