"""A job that cannot end well does not begin: its weights are not even loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from halfpint.core import events as e
from support.jobs import done, end_of, names, of, small


def test_a_disk_without_room_is_told_of_before_anything_is_loaded(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**9, used=10**9 - 10**6, free=10**6))
    events = done(small(tiny, tmp_path))
    assert end_of(events).exit_code == 2
    assert end_of(events).message == f"the files need 2.8 MB, 1.0 MB are free in {tmp_path}"
    assert "--out" in end_of(events).fix
    assert not of(events, e.Progress)
    assert list(names(tmp_path)) == []
