"""A job's folder: private, kept for a while, and somewhere else where the state cannot be written to."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from halfpint.core import events as e
from halfpint.core import state
from halfpint.core.errors import JobFailed
from halfpint.core.jobs import store
from halfpint.core.jobs.store import EventLog, EventReader, create, jobs_root
from support.jobs import small


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused_below(folder: Path, number: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call of `os` on a path that fails below a folder."""

    def run(path: Any, *more: Any, **named: Any) -> Any:
        if Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(number, os.strerror(number), path)
        return call(path, *more, **named)

    return run


def test_only_the_user_may_look_into_a_job(tiny: Path, tmp_path: Path) -> None:
    job = create(small(tiny, tmp_path))
    with EventLog(job) as log:
        log.append(e.Note("info", "a note"))
    assert {mode(folder) for folder in (job.path, jobs_root())} == {0o700}
    assert {mode(file) for file in (job.spec_file, job.events_file, job.log_file)} == {0o600}


def test_a_jobs_folder_of_an_earlier_version_becomes_private(tiny: Path, tmp_path: Path) -> None:
    jobs_root().mkdir(parents=True, mode=0o755)
    create(small(tiny, tmp_path))
    assert mode(jobs_root()) == 0o700


def test_a_folder_that_the_user_chose_keeps_its_permissions(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir(mode=0o755)
    monkeypatch.setenv("HALFPINT_STATE", str(chosen))
    create(small(tiny, tmp_path))
    assert mode(chosen) == 0o755


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_without_room_among_the_others_a_job_goes_to_the_temporary_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path, number: int, call: str
) -> None:
    spec = small(tiny, tmp_path)
    monkeypatch.setattr(os, call, refused_below(state.state_folder(), number, getattr(os, call)))
    job = create(spec)
    assert job.path.is_relative_to(temporary) and job.spec() == spec
    assert mode(job.path) == mode(temporary / f"halfpint-{os.getuid()}") == 0o700
    assert not list(state.state_folder().rglob("*.json"))


def test_a_disk_that_is_nearly_full_counts_as_full(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setattr(store, "_LEAST_FREE", 1 << 60)
    with pytest.raises(JobFailed, match="nor the temporary folder can be written to: No space left on device"):
        create(small(tiny, tmp_path))


@pytest.mark.parametrize(
    "put",
    [lambda path: path.mkdir(mode=0o755), Path.touch, lambda path: path.symlink_to("nowhere"), os.mkfifo],
    ids=["folder", "file", "link", "pipe"],
)
def test_a_temporary_folder_that_others_may_look_into_is_not_used(
    put: Callable[[Path], object], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    theirs = temporary / f"halfpint-{os.getuid()}"
    put(theirs)
    monkeypatch.setenv("HALFPINT_STATE", "/proc/halfpint")
    (root,) = {create(small(tiny, tmp_path)).path.parent for _ in range(12)}
    assert not root.is_relative_to(theirs)
    assert mode(root.parent) == 0o700
    assert len(list(root.iterdir())) == 10


def test_old_jobs_are_removed_and_running_ones_are_not(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = 20
    monkeypatch.setattr(store, "KEPT", kept)
    for i in range(kept + 5):
        (jobs_root() / f"2020{i:04}").mkdir(parents=True)
    oldest = store.JobFolder(jobs_root() / "20200000")
    with EventLog(oldest):
        create(small(tiny, tmp_path))
        assert len(list(jobs_root().iterdir())) == kept + 1
        assert oldest.path.exists()
    create(small(tiny, tmp_path))
    assert len(list(jobs_root().iterdir())) == kept
    assert not oldest.path.exists()


def test_of_temporary_jobs_few_are_kept(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setenv("HALFPINT_STATE", "/proc/halfpint")
    spec = small(tiny, tmp_path)
    roots = {create(spec).path.parent for _ in range(15)}
    assert [len(list(root.iterdir())) for root in roots] == [10]


def test_an_event_without_room_is_lost_and_the_next_is_not(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, write = create(small(tiny, tmp_path)), os.write
    outcomes = iter([None, OSError(errno.ENOSPC, "full"), 7, OSError(errno.ENOSPC, "full"), None, None])

    def limited(fd: int, data: bytes) -> int:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return write(fd, data[:outcome])

    monkeypatch.setattr(os, "write", limited)
    with EventLog(job) as log:
        for i in range(6):
            log.append(e.Note("info", str(i)))
    reader = EventReader(job)
    assert list(reader.new()) == [e.Note("info", text) for text in ("0", "4", "5")]
    reader.close()
