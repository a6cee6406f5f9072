"""Whatever fails while files get their names: all are there or none is, at the latest when the next job begins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from halfpint.core.publication.hold import put_right
from support.faults import End, How, at_every_step, unsynced
from support.publishing import NEW, OLD, publish


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def visible(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize("old", [{}, OLD], ids=["beside nothing", "over old files"])
@pytest.mark.parametrize("how", [how for how in How if how is not How.ALLOCATION], ids=lambda how: how.value)
def test_all_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: How, old: Mapping[str, bytes]) -> None:
    monkeypatch.setattr(os, "fsync", unsynced)
    folders: list[Path] = []

    def folder(n: int) -> tuple[Path]:
        folders.append(tmp_path / str(n))
        folders[-1].mkdir()
        for name, data in old.items():
            (folders[-1] / name).write_bytes(data)
        return (folders[-1],)

    published: set[bool] = set()
    for end in at_every_step(how, publish, folder):
        step, there = folders[-1], visible(folders[-1])
        if end in (End.DONE, End.NOT_REACHED):
            assert there == NEW, step
        elif how is How.ERROR:  # the process went on, and took everything back
            assert there == old, step
        elif how is How.LINE:  # also at the very end, when everything is published
            assert there in (old, NEW), step
        put_right(step, "model")
        assert content(step) in (old, NEW), step
        published.add(content(step) == NEW)
        publish(step)
        assert content(step) == NEW, step
    assert published == {True, False}
    assert len(folders) > 25
