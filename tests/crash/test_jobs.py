"""Whatever fails in a job, and at whichever call: each file is listed as it is, and the next job finds all in order."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from halfpint.core.options import OUT, OVERWRITE, VerifyMode
from halfpint.core.precisions import FP32
from halfpint.core.publication.hold import put_right
from halfpint.core.spec import ExportSpec
from support.faults import End, How, at_every_step, begun, exit_code_of, unsynced
from support.jobs import assert_listed, done, end_of, small, work_through


@pytest.fixture
def first(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExportSpec:
    """A quick job that is done."""
    monkeypatch.setattr(os, "fsync", unsynced)
    spec = small(tiny, tmp_path / "first", height=32, width=32, precisions=(FP32,), verify=VerifyMode.QUICK)
    assert end_of(done(spec)).exit_code == 0
    return spec


def again(first: ExportSpec, n: int) -> ExportSpec:
    """The same job once more, over what the first one left."""
    out = first.out.with_name(str(n))
    shutil.copytree(first.out, out)
    return first.having(OUT, str(out)).having(OVERWRITE, True)


def assert_put_right(spec: ExportSpec) -> None:
    """Whatever became of a job: what is there is listed, and the next one finds all in order, and leaves it so."""
    put_right(spec.out, spec.root)
    assert_listed(spec.out)
    assert end_of(done(spec)).exit_code == 0
    assert_listed(spec.out)


@pytest.mark.parametrize("how", [How.ERROR, How.EXIT], ids=lambda how: how.value)
def test_at_every_call_that_changes_the_disk(first: ExportSpec, how: How, exhaustive: bool) -> None:
    part = 1 if exhaustive else 7
    specs: list[ExportSpec] = []
    published: list[bool] = []

    def arguments(n: int) -> tuple[ExportSpec]:
        specs.append(again(first, n))
        return (specs[-1],)

    for end in at_every_step(how, work_through, arguments, part):
        published.append(specs[-1].manifest.read_bytes() != first.manifest.read_bytes())
        assert end is End.CUT or published[-1] == (end is not End.REFUSED), specs[-1].out
        assert_put_right(specs[-1])
    assert set(published) == {True, False}
    assert len(published) > 50 // part


def test_at_allocations(first: ExportSpec) -> None:
    """A job has some 10^6: it is tried at every third part more, until three in a row are behind its end.

    How it ends is not looked at: Python itself does not always take a failed allocation well.
    """
    pytest.importorskip("_testcapi")
    n, codes = 100, [-1]
    while codes[-3:] != [End.DONE] * 3:
        spec = again(first, n)
        codes.append(exit_code_of(begun(work_through, (spec,), How.ALLOCATION, n)))
        assert_put_right(spec)
        n += n // 3
    assert codes.count(End.REFUSED) > 10
