"""A spec says what to do, once and for all; events tell what happened. Both survive JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpint.core import events as e
from halfpint.core.errors import BadRequest
from halfpint.core.kinds import Kind
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16, FP32
from halfpint.core.spec import ExportSpec
from support.targets import BOTH, ONNX, TORCHSCRIPT

WEIGHTS = Path("/weights/best.pt")
specs = st.builds(
    ExportSpec.of,
    weights=st.just(WEIGHTS),
    out=st.sampled_from([Path("/out"), Path("/weights/ünïcode space")]),
    height=st.integers(),
    width=st.integers(),
    batch=st.integers(),
    targets=st.sampled_from([(ONNX,), (ONNX, TORCHSCRIPT)]),
    precisions=st.sampled_from([(FP16,), (FP32, FP16)]),
    dynamic=st.booleans(),
    opset=st.integers(11, 21),
    half_io=st.booleans(),
    simplify=st.booleans(),
    device=st.sampled_from(["cpu", "0", "3"]),
    name=st.sampled_from(["{stem}", "model-{height}x{width}-b{batch}"]),
    overwrite=st.booleans(),
    verify=st.sampled_from(VerifyMode),
)


@given(specs)
def test_a_spec_survives_json(spec: ExportSpec) -> None:
    assert ExportSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"weights": 1}', "no json"])
def test_other_json_is_no_spec(text: str) -> None:
    with pytest.raises(ValueError):
        ExportSpec.from_json(text)


def test_files_are_named_after_the_weights_and_their_kind() -> None:
    spec = ExportSpec.of(WEIGHTS, Path("/out"), targets=BOTH, precisions=FLOATS)
    assert [spec.path(kind).name for kind in spec.kinds] == [
        "best.onnx",
        "best.fp16.onnx",
        "best.torchscript",
        "best.fp16.torchscript",
    ]
    assert spec.manifest == Path("/out/best.halfpint.json")


def test_a_name_template() -> None:
    spec = ExportSpec.of(WEIGHTS, Path("/out"), 640, 320, 4, name="{stem}-{height}x{width}-{batch}")
    assert spec.path(Kind(ONNX, FP16)).name == "best-640x320-4.fp16.onnx"


@pytest.mark.parametrize("name", ["{nope}", "{stem", "{}", "{stem.__class__}", "a/b", "", "..", "\0"])
def test_name_templates_that_make_no_name(name: str) -> None:
    with pytest.raises(BadRequest):
        ExportSpec.of(WEIGHTS, Path("/out"), name=name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"opset": 10},
        {"opset": 22},
        {"targets": ()},
        {"precisions": ()},
        {"half_io": True},
        {"device": "gpu"},
        {"simplify": True, "targets": (TORCHSCRIPT,)},
    ],
)
def test_requests_that_no_weights_could_make_right(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        ExportSpec.of(WEIGHTS, Path("/out"), **wrong)


EVENTS: list[e.Event] = [
    e.JobStarted("best.pt", ("a.onnx", "b.onnx")),
    e.StageStarted("read"),
    e.Progress("run", "a.onnx", 1, 5, "1×3×64×128 image 0"),
    e.StageFinished("write", "a.onnx", 0.25, "7.5 MB"),
    e.Note("warning", "the ratio is 4.8:1"),
    e.ArtifactPublished("a.onnx", 7_500_000, 1.9, "00ff", "pass", "boxes within 0.1 px", 1.1, "weights …", ("w",)),
    e.ArtifactFailed("b.onnx", "verification failed", "see above"),
    e.JobFinished(1, 1.5, "best.halfpint.json", "1 of 2 artifacts were not published"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_is_one_json_line(event: e.Event) -> None:
    line = e.to_line(event)
    assert "\n" not in line
    assert json.loads(line)["event"] == event.event
    assert e.from_line(line) == event


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", '{"event": "note"}', '{"event": "unheard"}', '{"event": "note", "x": 1}']
)
def test_other_lines_are_no_events(line: str) -> None:
    with pytest.raises(ValueError):
        e.from_line(line)
