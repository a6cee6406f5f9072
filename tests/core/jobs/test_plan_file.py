"""A plan is a file of many jobs: its top goes for each of them, and what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from halfpint.core.errors import BadRequest
from halfpint.core.jobs.plan_file import read
from halfpint.core.option import Values
from halfpint.core.options import DEVICE
from halfpint.core.shapes import Rounding


def plan(folder: Path, text: str) -> Path:
    for name in ("a.pt", "b.pt"):
        (folder / name).touch()
    (folder / "plan.toml").write_text(text)
    return folder / "plan.toml"


def test_of_each_export_the_weights_and_of_each_of_those_the_sizes(tmp_path: Path) -> None:
    text = """
out = "files"
precision = ["fp32", "fp16"]
[[export]]
weights = "*.pt"
imgsz = [640, [800, 608]]
name = "{stem}-{height}"
[[export]]
weights = ["b.pt"]
precision = "fp16"
batch-size = 4
round = "up"
device = "0,1"
"""
    jobs = read(plan(tmp_path, text), Values().having(DEVICE, "auto"))
    told = [(job.spec.weights.name, job.spec.artifact_name, job.spec.batch, job.size, job.how) for job in jobs]
    assert told == [
        ("a.pt", "a-640", 1, (640, 640), None),
        ("a.pt", "a-800", 1, (800, 608), None),
        ("b.pt", "b-640", 1, (640, 640), None),
        ("b.pt", "b-800", 1, (800, 608), None),
        ("b.pt", "b", 4, None, Rounding.UP),
    ]
    assert {job.spec.out for job in jobs} == {tmp_path / "files"}
    assert [len(job.spec.precisions) for job in jobs] == [2, 2, 2, 2, 1]
    assert [job.spec.device for job in jobs] == ["auto"] * 4 + ["0,1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[export]", "cannot be read"),
        ("out = 'x'", "nothing to export"),
        ("[[export]]\nimgsz = 64", "weights: give a path"),
        ("[[export]]\nweights = 'c*.pt'", "nothing is named 'c*.pt'"),
        ("[[export]]\nweights = 'a.pt'\nimgsz = 'big'", "no size"),
        ("[[export]]\nweights = 'a.pt'\ndinamic = true", "export 1: 'dinamic' is not known"),
        ("[[export]]\nweights = 'a.pt'\ndynamic = 1", "export 1: dynamic: 1 is neither true nor false"),
        ("[[export]]\nweights = 'a.pt'\ndevice = 'gpu'", "the device 'gpu' is not known"),
        ("[[export]]\nweights = 'a.pt'\nimgsz = [64, 96, 128]", "two jobs would become"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told.replace("*", r"\*")):
        read(plan(tmp_path, text), Values())
