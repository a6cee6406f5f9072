"""Files that belong together get their names together or not at all, one job at a time; a crash is put right."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from halfpint.core.errors import BadRequest, HalfpintError, JobFailed
from halfpint.core.publication import claim, switch
from halfpint.core.publication.draft import Draft
from halfpint.core.publication.hold import Held, Hold, put_right
from halfpint.core.publication.journal import Journal, Move, from_line

OLD = {"model.onnx": b"old", "model.halfpint.json": b"old list"}
NEW = {"model.bin": b"new weights", "model.onnx": b"new", "model.halfpint.json": b"new list"}
LOCK = ".model.halfpint.lock"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


@contextmanager
def drafts(folder: Path, files: Mapping[str, bytes] = NEW) -> Iterator[list[Draft]]:
    """Sealed drafts of all files."""
    with ExitStack() as stack:
        made = [stack.enter_context(Draft(folder / name)) for name in files]
        for draft, data in zip(made, files.values(), strict=True):
            draft.write(data)
            draft.seal()
        yield made


def publish(folder: Path, files: Mapping[str, bytes] = NEW, *, overwrite: bool = False) -> None:
    with Hold(folder, "model", "job-1") as hold, drafts(folder, files) as (*artifacts, manifest):
        hold.publish(artifacts, manifest, overwrite=overwrite)


def without_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", refuse)


def without_a_rename_that_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    without_hard_links(monkeypatch)
    monkeypatch.setattr(claim, "_renameat2", lambda *_: errno.EINVAL)


@pytest.fixture(params=[None, without_hard_links, without_a_rename_that_replaces_nothing])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of file system in turn."""
    if request.param is not None:
        request.param(monkeypatch)


@pytest.mark.usefixtures("file_system")
class TestPublishing:
    def test_all_files_are_there_and_nothing_else(self, tmp_path: Path) -> None:
        publish(tmp_path / "deep" / "out")
        assert content(tmp_path / "deep" / "out") == NEW

    def test_what_exists_is_replaced_on_request(self, tmp_path: Path) -> None:
        put(tmp_path, OLD)
        publish(tmp_path, overwrite=True)
        assert content(tmp_path) == NEW

    def test_a_manifest_is_always_replaced(self, tmp_path: Path) -> None:
        put(tmp_path, {"model.halfpint.json": b"old list"})
        publish(tmp_path)
        assert content(tmp_path) == NEW

    def test_a_taken_name_takes_everything_back(self, tmp_path: Path) -> None:
        put(tmp_path, OLD)
        with pytest.raises(BadRequest, match=r"model\.onnx exists already"):
            publish(tmp_path)
        assert content(tmp_path) == OLD

    @pytest.mark.parametrize("old", [{}, OLD], ids=["beside nothing", "over old files"])
    def test_a_failure_before_the_end_takes_everything_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: Mapping[str, bytes]
    ) -> None:
        put(tmp_path, old)
        synced = switch.sync
        calls = iter(range(99))

        def fail(folder: Path) -> None:
            if next(calls) == 2:  # when the manifest already has its name
                raise OSError(errno.EIO, "Input/output error")
            synced(folder)

        monkeypatch.setattr(switch, "sync", fail)
        with pytest.raises(JobFailed, match="cannot be written: Input/output error"):
            publish(tmp_path, overwrite=True)
        assert content(tmp_path) == old

    def test_an_interruption_takes_everything_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path, OLD)
        monkeypatch.setattr(switch, "sync", interrupted_once(switch.sync))
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, overwrite=True)
        assert content(tmp_path) == OLD


def interrupted_once(call: Callable[[Path], None]) -> Callable[[Path], None]:
    calls = iter(range(99))

    def run(folder: Path) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        call(folder)

    return run


def test_a_folder_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(HalfpintError):
        publish(tmp_path)
    assert (tmp_path / "model.onnx").is_dir()


def test_a_symlink_is_replaced_and_what_it_points_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "model.onnx").symlink_to("elsewhere")
    publish(tmp_path, overwrite=True)
    assert content(tmp_path) == {**NEW, "elsewhere": b"theirs"}
    assert not (tmp_path / "model.onnx").is_symlink()


def test_a_removed_folder_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with Hold(folder, "model") as hold, drafts(folder) as (*artifacts, manifest):
        shutil.rmtree(folder)
        with pytest.raises(JobFailed, match="somebody removed its folder meanwhile"):
            hold.publish(artifacts, manifest, overwrite=False)
    assert not folder.exists()


# ---- one job at a time


def test_a_name_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with Hold(tmp_path, "model", "job-1"):
        with pytest.raises(Held) as held:
            Hold(tmp_path, "model")
        assert held.value.holder is not None
        assert (held.value.holder.pid, held.value.holder.job) == (os.getpid(), "job-1")
        with Hold(tmp_path, "other"):
            pass
    with Hold(tmp_path, "model"):
        pass
    assert content(tmp_path) == {}


HOLDER = """
import sys
from pathlib import Path
from halfpint.core.publication.hold import Hold
Hold(Path(sys.argv[1]), "model", "job-2")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        with pytest.raises(Held, match=rf"^process {process.pid}, since 20\d\d-"):
            Hold(tmp_path, "model")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(content(tmp_path)) == [LOCK]
        with Hold(tmp_path, "model"):
            pass
    assert content(tmp_path) == {}


def test_where_there_are_no_locks_the_file_says_who_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with another_process(tmp_path) as process:
        with pytest.raises(Held, match=f"process {process.pid}"):
            Hold(tmp_path, "model")
        process.kill()
        process.wait()
        publish(tmp_path)
    assert content(tmp_path) == NEW


def test_a_process_of_another_machine_is_not_thought_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    holder = {"job": "", "pid": 1, "host": "elsewhere\x1b", "since": "2025-01-01T10:00:00", "birth": "1"}
    (tmp_path / LOCK).write_text(json.dumps(holder) + "\n")
    with pytest.raises(Held, match=r"^process 1 on elsewhere\?, since 2025-01-01 10:00:00$"):
        Hold(tmp_path, "model")


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to("/etc/passwd")
    with pytest.raises(BadRequest, match="cannot be written to"):
        Hold(tmp_path, "model")


def test_a_folder_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with Hold(tmp_path / "a" / "b", "model"):
        assert (tmp_path / "a" / "b").is_dir()
    assert content(tmp_path) == {}


# ---- the journal of a process that died


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def journal(**more: Any) -> str:
    moves = [
        {"name": name, "draft": f".{name}.0123abcd.part", "sha256": sha256(data), "earlier": ""}
        for name, data in NEW.items()
    ]
    return json.dumps({"version": 1, "job": "job-1", "moves": moves, **more})


def test_a_journal_survives_its_line() -> None:
    written = Journal("job-1", (Move("model.onnx", ".model.onnx.0123abcd.part", "0" * 64),))
    assert from_line(written.to_line(), "model") == written


@pytest.mark.parametrize(
    "move",
    [
        {"name": "../model.onnx"},
        {"name": "other.onnx", "draft": ".other.onnx.0123abcd.part"},
        {"draft": "model.pt"},
        {"draft": "../.model.onnx.0123abcd.part"},
        {"earlier": "model.pt"},
        {"earlier": ".model.onnx.0123abcd.part"},
        {"sha256": ""},
        {"sha256": 1},
        {"more": 1},
    ],
    ids=lambda move: str(move),
)
def test_a_journal_touches_the_files_of_its_name_alone(tmp_path: Path, move: dict[str, Any]) -> None:
    sound = {"name": "model.onnx", "draft": ".model.onnx.0123abcd.part", "sha256": "0" * 64, "earlier": ""}
    line = journal(moves=[{**sound, **move}])
    with pytest.raises(ValueError):
        from_line(line, "model")
    (tmp_path / LOCK).write_text(f"{{}}\n{line}\n")
    put(tmp_path, {"model.pt": b"weights"})
    with pytest.raises(JobFailed, match="cannot be put right"):
        Hold(tmp_path, "model")
    assert content(tmp_path)["model.pt"] == b"weights"
    assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", journal(version=2), journal(moves=[]), "[" * 100_000])
def test_what_is_no_journal_is_not_acted_on(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line, "model")


def test_a_journal_that_was_cut_off_began_nothing(tmp_path: Path) -> None:
    put(tmp_path, {"model.onnx": NEW["model.onnx"]})
    (tmp_path / LOCK).write_text("{}\n" + journal())  # no newline
    put_right(tmp_path, "model")
    assert content(tmp_path) == {"model.onnx": NEW["model.onnx"]}


def test_what_was_begun_is_undone_and_what_was_switched_is_finished(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(f"{{}}\n{journal()}\n")
    put(tmp_path, {"model.bin": NEW["model.bin"]})
    os.link(tmp_path / "model.bin", tmp_path / ".model.bin.0123abcd.part")
    put_right(tmp_path, "model")
    assert content(tmp_path) == {}

    (tmp_path / LOCK).write_text(f"{{}}\n{journal()}\n")
    put(tmp_path, {**NEW, ".model.bin.0123abcd.part": NEW["model.bin"]})
    put_right(tmp_path, "model")
    assert content(tmp_path) == NEW


def test_what_somebody_put_there_meanwhile_is_theirs(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(f"{{}}\n{journal()}\n")
    theirs = {"model.onnx": b"theirs", "model.bin": NEW["model.bin"]}
    put(tmp_path, {**theirs, ".model.bin.0123abcd.part": NEW["model.bin"]})  # a copy of their own: no link to the draft
    put_right(tmp_path, "model")
    assert content(tmp_path) == theirs


def test_a_name_that_another_job_holds_is_not_put_right(tmp_path: Path) -> None:
    with Hold(tmp_path, "model"):
        (tmp_path / ".model.onnx.0123abcd.part").touch()
        put_right(tmp_path, "model")
        assert (tmp_path / ".model.onnx.0123abcd.part").exists()
    put_right(tmp_path, "model")
    put_right(tmp_path / "none", "model")
    assert content(tmp_path) == {}
