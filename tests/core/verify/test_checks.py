"""A check is a function and a line in a list: every way to verify makes it, and every report tells it."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from halfpint.cli import verify
from halfpint.cli.parser import build_parser
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import REFERENCE
from halfpint.core.shapes import InputShape
from halfpint.core.targets.onnx.loaded import LoadedOnnx
from halfpint.core.targets.onnx.passes.halve import halve
from halfpint.core.verify import checks
from halfpint.core.verify.checks.found import Compared, Stored
from halfpint.core.verify.evidence import Evidence, Verdict
from halfpint.core.verify.halved import verify_halved
from halfpint.core.verify.report import Report, Way
from halfpint.tui.report_lines import report_lines
from support.jobs import done, end_of, manifest_of, small

TOLD = {"name": "luck", "verdict": "warn", "message": "the answers were not drawn by lot, as far as anybody knows"}
LINE = f"  WARN luck       {TOLD['message']}"
SIZE = InputShape(1, 3, 96, 64)


def luck(_: Compared | Stored) -> Iterator[Evidence]:
    yield Evidence("luck", Verdict.WARN, TOLD["message"])


@pytest.fixture(params=["OF_ANSWERS", "OF_FILES"])
def added(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The list that holds the new check, in its one line."""
    monkeypatch.setattr(checks, request.param, (*getattr(checks, request.param), (luck, set(Way))))
    return request.param


def reports(report: dict[str, Any]) -> bool:
    """Whether a report as JSON tells it once, as a check that counts."""
    return report["checks"].count(TOLD) == 1 and report["verdict"] == "warn"


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("mode", VerifyMode)
def test_a_new_check_is_in_the_manifest_and_on_the_screen(tiny: Path, tmp_path: Path, mode: VerifyMode) -> None:
    spec = small(tiny, tmp_path, verify=mode)
    assert end_of(done(spec)).exit_code == 0
    entries = manifest_of(spec)["artifacts"]
    assert [reports(entry["verification"]) for entry in entries] == [True, True]
    for entry in entries:
        lines = ["".join(text for text, _ in line) for line in report_lines(spec.manifest, entry["file"])]
        assert lines.count(LINE) == 1


@pytest.mark.usefixtures("added")
def test_it_is_made_of_a_file_that_is_there_already(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = small(tiny, tmp_path, verify=VerifyMode.QUICK)
    done(spec)
    artifact = tmp_path / f"{tiny.stem}.onnx"
    asked = build_parser().parse_args(["verify", str(artifact), "--against", str(tiny)])
    assert verify.run(asked) == 0
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert rows.count(["WARN", "luck", TOLD["message"]]) == 1
    assert verify.run(Namespace(**{**vars(asked), "json": True})) == 0
    assert reports(json.loads(capsys.readouterr().out))


def test_it_is_made_of_the_answers_of_a_halved_file(added: str, tiny: Path, tmp_path: Path) -> None:
    done(small(tiny, tmp_path, verify=VerifyMode.QUICK))
    model = onnx.load(tmp_path / f"{tiny.stem}.onnx")
    old, halved = LoadedOnnx(model.SerializeToString()), halve(model)
    report = verify_halved(old, halved, halved.model.SerializeToString(), SIZE)
    # Which weights a file should store is not known there.
    assert reports(report.to_dict()) == (added == "OF_ANSWERS")


def test_the_ways_of_a_check_are_the_only_ones_it_is_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "OF_ANSWERS", [(luck, {Way.QUICK})])
    assert [way for way in Way if any(checks.check_answers(way, Compared(REFERENCE)))] == [Way.QUICK]


def test_evidence_is_read_again_as_it_was_written() -> None:
    evidence = Evidence.of(TOLD)
    assert evidence == Evidence("luck", Verdict.WARN, TOLD["message"])
    assert evidence.to_dict() == TOLD
    assert evidence.row == ("WARN", "luck", TOLD["message"])
    assert reports(Report(Way.FULL, (evidence,), (), 0.1).to_dict())
