"""A file gets its name at once and complete, or not at all; nothing is replaced silently."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from halfpint.core.errors import BadRequest, JobFailed
from halfpint.core.publication.draft import Draft, sweep


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_published(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model.onnx"
    with Draft(target) as draft:
        draft.write(b"first and longer")
        draft.write(b"second")
        assert not target.exists()
        draft.publish(overwrite=False)
    assert target.read_bytes() == b"second"
    assert names(target.parent) == ["model.onnx"]


def test_discarded(tmp_path: Path) -> None:
    with Draft(tmp_path / "model.onnx") as draft:
        draft.write(b"half-written")
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == []


def test_what_exists_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    with Draft(target) as draft:
        draft.write(b"new")
        target.write_bytes(b"somebody else was faster")
        with pytest.raises(BadRequest, match="exists already"):
            draft.publish(overwrite=False)
    assert target.read_bytes() == b"somebody else was faster"
    assert names(tmp_path) == ["model.onnx"]


def test_what_exists_is_replaced_on_request(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    with Draft(target) as draft:
        draft.write(b"new")
        draft.publish(overwrite=True)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["model.onnx"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    target, plain = tmp_path / "model.onnx", tmp_path / "plain"
    plain.touch()
    with Draft(target) as draft:
        draft.publish(overwrite=False)
    assert target.stat().st_mode == plain.stat().st_mode


def test_a_folder_that_cannot_be_written_to() -> None:
    with pytest.raises(BadRequest, match="cannot be written to"):
        Draft(Path("/proc/halfpint/model.onnx"))


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "model.onnx"
    with Draft(target) as draft:
        draft.write(b"data")
        draft.publish(overwrite=False)
    assert target.read_bytes() == b"data"
    with Draft(target) as draft, pytest.raises(BadRequest, match="exists already"):
        draft.publish(overwrite=False)


LIMITED = """
import resource, sys
from pathlib import Path
from halfpint.core.publication.draft import Draft
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with Draft(Path(sys.argv[1])) as draft:
    draft.write(bytes(2000))
"""


def test_a_file_that_does_not_fit(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "model.onnx"], capture_output=True, text=True, check=False
    )
    assert "JobFailed" in result.stderr
    assert "cannot be written: it needs 0.002 MB, and files may have 0.001 MB here" in result.stderr
    assert names(tmp_path) == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    with Draft(tmp_path / "model.onnx") as draft:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(JobFailed, match=r"is full: model.onnx needs 3.0 MB, .* are free"):
            draft.write(bytes(3_000_000))
    assert names(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from halfpint.core.publication.draft import Draft
with Draft(Path(sys.argv[1])) as draft:
    draft.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    killed = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    with Draft(target) as living:
        assert names(tmp_path) == [living.path.name]
        sweep(tmp_path, target.name)  # what somebody still works on is left alone
        assert names(tmp_path) == [living.path.name]


def test_a_file_of_a_similar_name_is_no_draft(tmp_path: Path) -> None:
    mine = [tmp_path / name for name in (".model.onnx.download.part", ".model.onnx.0123abcd.part.txt", ".part")]
    for path in mine:
        path.touch()
    sweep(tmp_path, "model.onnx")
    assert all(path.exists() for path in mine)
    (tmp_path / ".model.fp16.onnx.0123abcd.part").touch()
    sweep(tmp_path, "model")
    assert names(tmp_path) == sorted(path.name for path in mine)


SWEPT = """
import sys
from pathlib import Path
from halfpint.core.publication.draft import Draft
for _ in range(300):
    with Draft(Path(sys.argv[1])) as draft:
        draft.write(b"mine")
        assert draft.path.read_bytes() == b"mine"
"""


def test_processes_never_sweep_each_other_s_drafts(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    processes = [subprocess.Popen([sys.executable, "-c", SWEPT, target]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("file/model.onnx", r"/file is a file, not a folder"),
        ("file/deeper/model.onnx", r"/file is a file, not a folder"),
        ("n" * 250 + ".onnx", "too long for its file system"),
        ("n" * 300 + "/model.onnx", "too long for its file system"),
    ],
)
def test_a_target_that_cannot_be(tmp_path: Path, target: str, told: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadRequest, match=told):
        Draft(tmp_path / target)
