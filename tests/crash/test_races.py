"""Processes that publish into one folder at the same time, and end midway: no file is another's, or not listed."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FP16, FP32, Precision
from halfpint.core.publication.hold import put_right
from halfpint.core.spec import ExportSpec
from support.faults import NEVER, End, How, begun, end_of, unsynced
from support.jobs import assert_listed, small, work_through
from support.publishing import NEW, publish_often

DONE = End.NOT_REACHED  # nothing went wrong


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", unsynced)


def test_publications(tmp_path: Path) -> None:
    rng, ends, there = random.Random(1), set[End](), dict[str, bytes]()
    for turn in range(10):
        # Each process publishes files that are its own: of whatever was published last, all are of one process.
        files = [{name: f"{turn}-{i} {name}".encode() for name in NEW} for i in range(3)]
        steps = [NEVER, *(rng.randrange(1, 150) for _ in files[1:])]
        processes = [begun(publish_often, (tmp_path, own, 5), How.EXIT, n) for own, n in zip(files, steps, strict=True)]
        ends.update(map(end_of, processes))
        put_right(tmp_path, "model")
        there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert there in files, turn
    assert ends == {DONE, End.CUT}


def job(tiny: Path, out: Path, **more: Any) -> ExportSpec:
    return small(tiny, out, height=32, width=32, verify=VerifyMode.QUICK, **more)


@pytest.mark.parametrize(
    ("precisions", "overwrite", "ends"),
    [
        (((FP32,), (FP16,)), False, [DONE, DONE]),
        (((FP32,), (FP32,)), False, [End.REFUSED, DONE]),
        (((FP32,), (FP32, FP16)), True, [DONE, DONE]),
    ],
    ids=["of other files", "of the same file", "of the same file, over one another"],
)
def test_two_jobs(
    tiny: Path, tmp_path: Path, precisions: tuple[tuple[Precision, ...], ...], overwrite: bool, ends: list[End]
) -> None:
    for turn in range(5):
        out = tmp_path / str(turn)
        specs = [job(tiny, out, precisions=each, overwrite=overwrite) for each in precisions]
        processes = [begun(work_through, (spec,)) for spec in specs]
        assert sorted(map(end_of, processes)) == ends
        assert_listed(out)
        made = {kind for spec in specs for kind in spec.kinds}
        assert all(specs[0].path(kind).exists() for kind in made)


def test_two_jobs_of_which_one_ends_midway(tiny: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    for turn in range(10):
        out = tmp_path / str(turn)
        specs = [job(tiny, out, precisions=(each,), overwrite=True) for each in (FP32, FP16)]
        cut = begun(work_through, (specs[0],), How.EXIT, rng.randrange(20, 60))
        other = begun(work_through, (specs[1],))
        assert (end_of(cut), end_of(other)) == (End.CUT, DONE)
        put_right(out, specs[0].root)
        assert_listed(out)
        assert specs[1].path(specs[1].kinds[0]).exists()
