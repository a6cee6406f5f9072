"""What earlier versions wrote is read today, and what later ones will add does no harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from halfpint.core import events as e
from halfpint.core.manifest import earlier
from halfpint.core.options import DEVICE, DYNAMIC, NAME, OUT, PRECISIONS, TARGETS, VERIFY, VerifyMode
from halfpint.core.precisions import FLOATS, FP16
from halfpint.core.spec import ExportSpec
from halfpint.core.targets.onnx.options import OPSET
from halfpint.tui.settings import load
from support.jobs import done, end_of, small
from support.targets import ONNX, TORCHSCRIPT

VERSION_1 = Path(__file__).parents[1] / "fixtures" / "version1"


def test_a_spec_of_the_first_version() -> None:
    spec = ExportSpec.from_json((VERSION_1 / "spec.json").read_text())
    recipe = spec.recipe
    assert (recipe.height, recipe.width, recipe.batch, recipe.rounded_from) == (96, 64, 1, None)
    assert recipe[TARGETS] == (ONNX, TORCHSCRIPT) and recipe[PRECISIONS] == FLOATS
    assert recipe[DYNAMIC] and recipe[OPSET] == 16
    assert spec.artifact_name == "master-n-96" and spec.policy[VERIFY] is VerifyMode.FULL


def test_events_of_the_first_version() -> None:
    lines = (VERSION_1 / "events.jsonl").read_text().splitlines()
    events = [e.from_line(line) for line in lines]
    assert isinstance(events[0], e.JobStarted) and isinstance(events[-1], e.JobFinished)
    assert sum(isinstance(event, e.ArtifactPublished) for event in events) == 4


def test_settings_of_the_first_version(tmp_path: Path) -> None:
    path = Path(shutil.copy(VERSION_1 / "settings.toml", tmp_path))
    choices, warning = load(path)
    assert warning == "" and (choices.height, choices.width, choices.batch) == (800, 608, 4)
    assert choices[TARGETS] == (TORCHSCRIPT,) and choices[PRECISIONS] == (FP16,)
    assert (choices[OPSET], choices[DEVICE], choices[OUT], choices[NAME]) == (13, "3", "/out", "{stem}-b{batch}")


def test_a_manifest_of_the_first_version_keeps_its_artifacts(tiny: Path, tmp_path: Path) -> None:
    """A job of today lists beside its own files those that the manifest of an earlier one lists."""
    written = json.loads((VERSION_1 / "manifest.json").read_text())
    spec = small(tiny, tmp_path)
    assert end_of(done(spec)).exit_code == 0
    manifest = json.loads(spec.manifest.read_text())
    first = {**written, "artifacts": [{**entry, "file": "master-n.onnx"} for entry in written["artifacts"][:1]]}
    assert first["source"]["sha256"] == manifest["source"]["sha256"]
    spec.manifest.write_text(json.dumps(first))
    (kept,) = earlier(spec, manifest["source"]["sha256"])
    assert kept.name == "master-n.onnx"


def test_what_a_later_version_adds_is_ignored() -> None:
    spec = ExportSpec.of(Path("/w/best.pt"), height=96)
    later = {**spec.to_dict(), "version": 99, "sparsity": 0.5}
    assert ExportSpec.from_json(json.dumps(later)) == spec
    event = {**json.loads(e.to_line(e.Note("info", "text"))), "version": 99, "colour": "red"}
    assert e.from_line(json.dumps(event)) == e.Note("info", "text")


def test_what_an_earlier_version_did_not_have_is_the_default() -> None:
    assert ExportSpec.from_json('{"weights": "/w/best.pt"}') == ExportSpec.of(Path("/w/best.pt"))
    line = '{"event": "job-finished", "exit_code": 0, "seconds": 1.5}'
    assert e.from_line(line) == e.JobFinished(0, 1.5)


@pytest.mark.parametrize("plain", [{"targets": "onnx"}, {"targets": ["engine"]}, {"opset": True}, {"height": "wide"}])
def test_a_value_that_cannot_be_is_no_spec(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ExportSpec.from_json(json.dumps({"weights": "/w/best.pt", **plain}))
