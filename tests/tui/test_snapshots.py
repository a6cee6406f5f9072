"""What stands on the screen, state by state, at the sizes that it is made for; and that all of it can be read.

`--write-snapshots` writes `snapshots/` anew. Look at what has changed there before you keep it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.segment import Segment
from textual.screen import ModalScreen

from halfpint.core.devices import HostMemory
from halfpint.core.events import ArtifactPublished, JobFinished, JobStarted, Progress, StageFinished
from halfpint.core.jobs.database import Job, State
from halfpint.core.spec import ExportSpec
from halfpint.tui.feeds.jobs import JobNews, JobsListed
from halfpint.tui.reducers import reduced
from halfpint.tui.screens.fitmap import FitMapScreen
from support.contrast import contrast
from support.nvml import GIB, FakeGpu, FakeNvml
from support.screen import Screen, drive, screen

SNAPSHOTS = Path(__file__).with_name("snapshots")
CASES = [
    (theme, size)
    for theme, *sizes in (
        ("halfpint-dark", (80, 24), (100, 30), (120, 36), (200, 60)),
        ("halfpint-light", (120, 36), (80, 24), (100, 30), (200, 60)),
    )
    for size in sizes
]
_LINES = set("╭╮╰╯─│┃━▁▂▃▄▅▆▇█▒░·┏┓┗┛▀▄▌▐▔▎▏▕▍▊▋ ")  # what is drawn, and needs no letter's contrast


async def begun(s: Screen) -> None:
    await s.press("escape", "1")


async def wrong_size(s: Screen) -> None:
    await s.press("f2", *"800x600")


async def options(s: Screen) -> None:
    await s.press("f2", "escape", "f3")


async def on_gpu(s: Screen) -> None:
    await s.press("f2", "f", "escape", "f4", "d")
    await s.until(lambda: s.main.session.plan_of_this_job and s.main.session.largest)


async def running(s: Screen) -> None:
    spec = s.main.session.spec
    assert spec is not None
    job = _job(spec, State.RUNNING)
    s.main.advance(reduced(s.main.session, JobsListed((job,), {})))
    onnx, half = map(str, map(spec.path, spec.kinds))
    events = (
        JobStarted(str(spec.weights), (onnx, half)),
        StageFinished("read", "", 0.2, "yolov5n, detect, 1.9 M parameters, 3.9 MB"),
        StageFinished("write", Path(onnx).name, 0.4, "7.8 MB"),
        Progress("run", Path(onnx).name, 2, 5, "1×3×96×64 image 0"),
    )
    s.main.advance(reduced(s.main.session, JobNews(job, events, "")))
    await s.press("f5")


async def done(s: Screen) -> None:
    spec = s.main.session.spec
    assert spec is not None
    job, paths = _job(spec, State.DONE), [spec.path(kind) for kind in spec.kinds]
    kept = "41 of 41 detections kept, none lost, none new; 1.1 × the rounding noise"
    events = [
        ArtifactPublished(str(path), 7_800_000 // (at + 1), 2.0 / (at + 1), "0" * 64, "pass", kept, 1.1, "", ())
        for at, path in enumerate(paths)
    ]
    end = JobFinished(0, 3.7, str(spec.manifest))
    s.main.advance(reduced(s.main.session, JobsListed((job,), {job.id: ("pass", "pass")})))
    s.main.advance(reduced(s.main.session, JobNews(job, (*events, end), "")))
    await s.press("f6")


async def jobs(s: Screen) -> None:
    await s.press("f7")


async def helped(s: Screen) -> None:
    await s.press("f2", "question_mark")


async def presets(s: Screen) -> None:
    await s.press("escape", "f2", "p")


async def fit_map(s: Screen) -> None:
    await s.press("escape", "f1", "m")
    drawn = s.app.screen
    assert isinstance(drawn, FitMapScreen)
    await s.until(lambda: drawn._verdicts)


STATES: tuple[Callable[[Screen], Awaitable[None]], ...] = (
    begun, wrong_size, options, on_gpu, running, done, jobs, helped, presets, fit_map
)  # fmt: skip


def _job(spec: ExportSpec, state: State) -> Job:
    folder = SimpleNamespace(log_file=Path("/state/jobs/1/log.txt"))
    end = JobFinished(0, 3.7, str(spec.manifest)) if state.over else None
    known = SimpleNamespace(
        id="1", number=1, state=state, spec=spec, folder=folder, began=0.0, ended=None, place=1.0, cancelled=False,
        reason="", finished=end, seconds=lambda _now: 3.0,
    )  # fmt: skip
    return cast(Job, known)


@pytest.fixture
def folder(trained: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, in a home folder of their own, on a machine that is the same everywhere."""
    days = time.time() - 3 * 86_400
    for at, (source, name) in enumerate(((trained, "exp1/weights/best.pt"), (tiny, "exp2/weights/best.pt"))):
        path = tmp_path / "runs" / name
        path.parent.mkdir(parents=True)
        shutil.copy(source, path)
        os.utime(path, (days - at, days - at))
    (tmp_path / "runs" / "notes.pt").write_bytes(b"not weights")
    os.utime(tmp_path / "runs" / "notes.pt", (days - 9, days - 9))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("halfpint.core.devices.host_memory", lambda: HostMemory(total=24 * GIB, available=20 * GIB))
    monkeypatch.setattr("halfpint.core.devices.free_disk", lambda _folder: 500_000_000_000)
    return tmp_path / "runs"


def unreadable(s: Screen) -> list[str]:
    """The letters that stand there with too little contrast, each with its text."""
    shown = s.app.screen
    frame = shown.children[0].region if isinstance(shown, ModalScreen) else shown.region  # what is behind one is dimmed
    found: list[str] = []
    for strip in shown._compositor.render_strips()[frame.y : frame.bottom]:
        inside = strip.crop(frame.x, frame.right)
        found += [_told(segment) for segment in inside if not _readable(segment)]
    return list(dict.fromkeys(found))


def _readable(segment: Segment) -> bool:
    style = segment.style
    if set(segment.text) <= _LINES or style is None or style.color is None or style.bgcolor is None:
        return True
    letters, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
    if style.reverse:
        letters, ground = ground, letters
    return contrast(letters, ground) >= 4.5


def _told(segment: Segment) -> str:
    return f"{segment.text.strip()[:40]!r} in {segment.style}"


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("theme", "size"), CASES, ids=str)
def test_every_state_is_as_it_was_and_can_be_read(
    theme: str, size: tuple[int, int], folder: Path, request: pytest.FixtureRequest
) -> None:
    nvml = FakeNvml(FakeGpu(used=2 * GIB), FakeGpu("NVIDIA A100-SXM4-80GB", used=41 * GIB, total=80 * GIB))
    shown: dict[Path, str] = {}
    dim: dict[str, list[str]] = {}

    async def script() -> None:
        async with screen(folder, size=size, nvml=nvml) as s:
            s.app.theme = theme
            s.main.services.jobs.stop()  # the jobs here are told, not run
            await s.until(lambda: len(s.files) == 3 and all(row[1] != "…" for row in s.files))
            await s.until(lambda: s.main.session.plan_of_this_job and s.main.session.largest and "A100" in s.devices)
            s.main.services.devices.stop()  # the past of the devices grows with time
            await s.pilot.pause()
            for state in STATES:
                await state(s)
                await s.pilot.pause()
                lines = "\n".join(line.rstrip() for line in s.painted.splitlines())
                name = f"{state.__name__}-{size[0]}x{size[1]}.txt"
                lines = lines.replace("┃", " ").replace(str(folder.parent), "~")  # what is out of sight is not told
                shown[SNAPSHOTS / name] = "\n".join(line.rstrip() for line in lines.splitlines()) + "\n"
                if letters := unreadable(s):
                    dim[state.__name__] = letters

    drive(script())
    assert dim == {}
    if request.config.getoption("--write-snapshots"):
        SNAPSHOTS.mkdir(exist_ok=True)
        for path, text in shown.items():
            path.write_text(text, encoding="utf-8")
    for path, text in shown.items():
        assert text == path.read_text(encoding="utf-8"), path.name


def test_an_empty_folder_says_what_will_stand_there_and_which_key_brings_it(tmp_path: Path) -> None:
    async def script() -> None:
        async with screen(tmp_path, size=(200, 60)) as s:
            await s.until(lambda: "no weights" in s.painted)
            assert "/ and a path leads to others" in s.painted
            assert "^r exports what the screen shows" in s.log
            assert "your jobs stand here; ^r adds what the screen shows" in s.painted
            assert "what jobs make stands here" in s.painted

    drive(script())
