"""The plan of a job: everything that follows from facts, spec and machine, the same wherever it is asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halfpint.cli import export as command
from halfpint.cli.main import main
from halfpint.core.events import Note
from halfpint.core.export.source import read_weights
from halfpint.core.families.dbnet.model import DBNetModel
from halfpint.core.families.yolov5.model import YoloModel
from halfpint.core.kinds import Kind
from halfpint.core.memory.fit import Fit, Memory
from halfpint.core.memory.overheads import MeasuredGpu
from halfpint.core.memory.snapshot import NOT_KNOWN, Snapshot
from halfpint.core.plan import Plan, Planner, plan
from halfpint.core.precisions import FLOATS, FP32
from halfpint.core.shapes import Level
from halfpint.core.spec import ExportSpec
from halfpint.core.weights_source import WeightsSource
from support import dbnet
from support.jobs import done, end_of, of, small
from support.screen import drive, screen
from support.targets import BOTH

MIB, GIB = 2**20, 2**30
ROOMY = Snapshot(Memory("host memory", 48 * GIB, 64 * GIB), disk=10**12)
TINY = Path(__file__).parents[1] / "fixtures" / "yolov5" / "master-n.pt"


@pytest.fixture(scope="module")
def planner() -> Planner:
    with WeightsSource(TINY) as source:
        return Planner(source.info, source.network)


def spec(**more: Any) -> ExportSpec:
    return ExportSpec.of(TINY, Path("/out"), **more)


def rules(planned: Plan) -> list[tuple[str, str]]:
    return [(str(finding.level), finding.rule) for finding in planned.findings]


# ---- what it tells


def test_a_job_that_is_well_has_files_needs_and_a_fit_and_nothing_to_say(planner: Planner) -> None:
    planned = planner.plan(spec(precisions=FLOATS), ROOMY)
    assert planned.findings == () and planned.obstacle is None
    assert [artifact.path.name for artifact in planned.artifacts] == ["master-n.onnx", "master-n.fp16.onnx"]
    assert planned.needs is not None and list(planned.needs.runs) == list(FLOATS)
    assert planned.fit is not None and planned.fit.fit is Fit.FITS


def test_findings_are_told_once_each_and_in_one_order(planner: Planner) -> None:
    asked = spec(height=1600, width=320, rounded_from=(1590, 320))
    poor = Snapshot(Memory("host memory", 20 * MIB, GIB), disk=10**6)
    planned = planner.plan(asked, poor)
    assert rules(planned) == [
        ("ok", "round"),
        ("warning", "ratio"),
        ("warning", "range"),
        ("error", "disk"),
        ("error", "memory"),
    ]
    assert planned.on(poor) == planned


def test_an_illegal_size_is_an_obstacle_and_nothing_else_is_known(planner: Planner) -> None:
    planned = planner.plan(spec(height=600), ROOMY)
    assert rules(planned) == [("error", "stride")]
    assert planned.obstacle is planned.findings[0]
    assert (planned.artifacts, planned.needs, planned.fit) == ((), None, None)
    assert planned.on(ROOMY) is planned


def test_a_size_that_the_network_itself_cannot_take_is_an_obstacle(planner: Planner) -> None:
    mistaken = Planner(planner.info, replace(planner.network, stride=8))
    planned = mistaken.plan(spec(height=72), ROOMY)
    assert rules(planned)[-1] == ("error", "network")
    assert planned.obstacle is not None and "the network cannot take 1×3×72×640" in planned.obstacle.message
    assert planned.needs is None


def test_memory_that_will_not_do_is_an_error_that_may_be_forced(planner: Planner) -> None:
    planned = planner.plan(spec(), replace(ROOMY, host=Memory("host memory", 20 * MIB, GIB)))
    assert rules(planned) == [("error", "memory")]
    assert "--force" in planned.findings[0].fix
    assert planned.obstacle is None


def test_files_that_the_job_does_not_make_are_told_apart(planner: Planner) -> None:
    every = [Kind(target, precision) for target in BOTH for precision in FLOATS]
    alone = planner.plan(spec(), replace(ROOMY, disk=0))
    planned = planner.plan(spec(), replace(ROOMY, disk=0), every)
    assert [artifact.kind for artifact in planned.artifacts] == [every[0]]
    assert [artifact.kind for artifact in planned.others] == every[1:]
    assert planned.findings == alone.findings  # the disk need not hold what is not made


def test_a_machine_that_was_not_asked_yet_is_not_judged(planner: Planner) -> None:
    planned = planner.plan(spec(), NOT_KNOWN)
    assert planned.findings == ()
    assert planned.fit is not None and planned.fit.fit is Fit.UNKNOWN


# ---- what it follows from


def test_when_the_machine_changes_the_same_plan_is_judged_again(planner: Planner) -> None:
    planned = planner.plan(spec(device="0"), NOT_KNOWN)
    for free, fit in ((20 * GIB, Fit.FITS), (500 * MIB, Fit.TIGHT), (100 * MIB, Fit.WILL_NOT_FIT)):
        now = replace(ROOMY, gpu=Memory("GPU 0", free, 24 * GIB))
        assert planned.on(now) == planner.plan(spec(device="0"), now)
        found = planned.on(now).fit
        assert found is not None and found.fit is fit


def test_what_cuda_takes_is_told_by_the_snapshot(planner: Planner) -> None:
    tight = replace(ROOMY, gpu=Memory("GPU 0", 500 * MIB, 24 * GIB))
    measured = MeasuredGpu("card", "575.1", "2.13", 300 * MIB, 8 * MIB).overheads()
    for now, fit in ((tight, Fit.TIGHT), (replace(tight, overheads=measured), Fit.FITS)):
        found = planner.plan(spec(device="0"), now).fit
        assert found is not None and found.fit is fit


def test_whatever_was_asked_before_a_plan_is_the_same(planner: Planner) -> None:
    asked = [spec(height=640), spec(height=320, dynamic=True), spec(height=640, width=320), spec(height=640)]
    fresh = [plan(planner.info, planner.network, one, ROOMY) for one in asked]
    assert [planner.plan(one, ROOMY) for one in asked] == fresh


_heard: list[str] | None = None


def _hear(event: str, _: tuple[object, ...]) -> None:
    if _heard is not None and event.partition(".")[0] in ("open", "os", "shutil", "socket", "subprocess", "import"):
        _heard.append(event)


@contextmanager
def listening() -> Iterator[list[str]]:
    """What Python does with files, the system and the network meanwhile."""
    global _heard
    sys.addaudithook(_hear)
    _heard = []
    try:
        yield _heard
    finally:
        _heard = None


@pytest.mark.parametrize("device", ["cpu", "0"])
def test_a_plan_touches_nothing_outside(planner: Planner, device: str) -> None:
    asked = spec(device=device, targets=BOTH)
    planner.plan(asked, ROOMY)  # what is imported late is imported now
    with listening() as heard:
        planner.plan(asked.sized(320, asked.recipe.width), ROOMY)
    assert heard == []


# ---- who asks


def test_the_estimate_and_the_job_say_the_same(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(tiny), "--imgsz", "320", "64", "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    asked = small(tiny, tmp_path, height=320, width=64, precisions=(FP32,))
    notes = [note.text for note in of(done(asked), Note)]
    warnings = [found for found in told["findings"] if found["level"] == "warning"]
    assert [found["rule"] for found in warnings] == ["ratio", "range"]
    for found in warnings:
        assert sum(found["message"] in note for note in notes) == 1


def test_a_job_is_refused_in_the_words_of_its_plan(planner: Planner, tiny: Path, tmp_path: Path) -> None:
    asked = small(tiny, tmp_path, height=72)
    obstacle, end = planner.plan(asked, ROOMY).obstacle, end_of(done(asked))
    assert obstacle is not None and obstacle.level is Level.ERROR
    assert (end.message, end.fix, end.exit_code) == (obstacle.message, obstacle.fix, 2)


# ---- how often a network is built


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of model whose networks were built, one for each time."""
    kinds: list[str] = []
    for model in (YoloModel, DBNetModel):
        genuine = model.network

        def counted(self: Any, genuine: Any = genuine) -> Any:
            kinds.append(type(self).__name__)
            return genuine(self)

        monkeypatch.setattr(model, "network", counted)
    return kinds


@pytest.fixture(params=["yolov5", "dbnet"])
def weights(request: pytest.FixtureRequest, tiny: Path) -> Path:
    return tiny if request.param == "yolov5" else dbnet.checkpoint("proxylessnas")


def test_an_estimate_builds_the_network_once(weights: Path, built: list[str]) -> None:
    assert main(["estimate", str(weights), "--map", "--json"]) == 0
    assert len(built) == 1


def test_an_export_builds_it_once_to_read_the_file(
    weights: Path, built: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the command has to ask the file for its default size before the job begins."""

    def read(specs: list[ExportSpec], *_: object, as_json: bool) -> int:
        for one in specs:
            read_weights(one, lambda _: None)
        return 0

    monkeypatch.setattr(command, "run_jobs", read)
    assert main(["export", "--weights", str(weights), "--out", str(tmp_path)]) == 0
    assert len(built) == 1


def test_the_screen_builds_it_once_for_the_file_under_the_cursor(
    weights: Path, built: list[str], tmp_path: Path
) -> None:
    shutil.copy(weights, tmp_path / "weights.pt")

    async def script() -> None:
        async with screen(tmp_path) as s:
            await s.until_known()
            for height in (320, 352):
                await s.size(height, 320)
                await s.until(lambda: "predicted for" in s.devices)
            await s.press("escape", "m")
            await s.until(lambda: "TorchScript file: peak" in s.reading)

    drive(script())
    assert len(built) == 1
