"""Whatever fails in a job, and at whichever call: each file is listed as it is, and the next job finds all in order."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from halfpint.core.artifacts.hold import put_right
from halfpint.core.formats import Precision
from halfpint.core.jobs.spec import ExportSpec, VerifyMode
from support.faults import End, How, at_every_step, unsynced
from support.jobs import assert_listed, done, end_of, small, work_through


@pytest.mark.parametrize("how", [How.ERROR, How.EXIT], ids=lambda how: how.value)
def test_a_job_leaves_what_is_listed(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: How) -> None:
    monkeypatch.setattr(os, "fsync", unsynced)
    quick = small(tiny, tmp_path / "old", height=32, width=32, precisions=(Precision.FP32,), verify=VerifyMode.QUICK)
    assert end_of(done(quick)).exit_code == 0
    specs: list[ExportSpec] = []

    def spec(n: int) -> tuple[ExportSpec]:
        out = tmp_path / str(n)
        shutil.copytree(quick.out, out)
        specs.append(replace(quick, out=out, overwrite=True))
        return (specs[-1],)

    def published_in(spec: ExportSpec) -> bool:
        return spec.manifest.read_bytes() != quick.manifest.read_bytes()

    published: set[bool] = set()
    for end in at_every_step(how, work_through, spec):
        step = specs[-1]
        if end is not End.CUT:
            assert published_in(step) == (end is not End.REFUSED), step.out
        put_right(step.out, step.root)
        assert_listed(step.out)
        published.add(published_in(step))
        assert end_of(done(step)).exit_code == 0
        assert_listed(step.out)
    assert published == {True, False}
    assert len(specs) > 50
