"""A job's size: what was asked for, the model's default, and rounding only where that was asked for."""

from __future__ import annotations

from pathlib import Path

from halfpint.core.events import Note
from halfpint.core.export.size import sized
from halfpint.core.inspect import inspect
from halfpint.core.shapes import Rounding
from halfpint.core.spec import ExportSpec
from support import dbnet
from support.jobs import done, end_of, manifest_of, of

SPEC = ExportSpec.of(Path("/weights/w.pt"), Path("/out"))


def size_of(spec: ExportSpec) -> tuple[int, int]:
    return (spec.height, spec.width)


def test_each_family_has_a_default_of_its_own(tiny: Path) -> None:
    assert size_of(sized(SPEC, inspect(tiny).facts, None, None)) == (640, 640)
    assert size_of(sized(SPEC, inspect(dbnet.checkpoint("proxylessnas")).facts, None, None)) == (800, 800)


def test_nothing_is_rounded_unless_asked(tiny: Path) -> None:
    facts = inspect(tiny).facts
    assert size_of(sized(SPEC, facts, (800, 600), None)) == (800, 600)
    spec = sized(SPEC, facts, (800, 600), Rounding.NEAREST)
    assert (size_of(spec), spec.rounded_from) == ((800, 608), (800, 600))
    assert sized(SPEC, facts, (800, 608), Rounding.UP).rounded_from is None


def test_rounding_is_told_and_recorded(tiny: Path, tmp_path: Path) -> None:
    spec = sized(ExportSpec.of(tiny, tmp_path), inspect(tiny).facts, (70, 60), Rounding.DOWN)
    events = done(spec)
    assert end_of(events).exit_code == 0
    notes = [note.text for note in of(events, Note)]
    assert "70×60 was rounded to 64×32 (height×width), as asked: multiples of the stride 32" in notes
    (artifact,) = manifest_of(spec)["artifacts"]
    assert artifact["made"]["spec"]["rounded_from"] == [70, 60]
    assert artifact["contract"]["input"]["dims"] == [1, 3, 64, 32]
