"""What a worker of a Dask cluster does for a job: it gets the weights, has the job done, and keeps what it made.

Functions here are called through Dask. They take and give text and bytes alone: JSON, and pieces of files.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, TypeAlias

from ..errors import BadRequest, HalfpintError, JobFailed
from ..events import Event, JobFinished, to_line
from ..options import CLUSTER, OUT, OVERWRITE
from ..spec import ExportSpec
from ..version import VERSION
from ..weights_source import file_sha256
from .launcher import Worker
from .room import placed
from .store import create_in

PREFIX = "halfpint-"  # of the keys of tasks, and of the folders that belong to them
_POLL_SECONDS = 0.1
_KEPT_JOBS = 10

Tell: TypeAlias = Callable[[Mapping[str, Any]], object]  # news for who asked for the job


def work(order: str) -> bytes:
    """Do a job; what came of it, as JSON: `lines` are its events, the last of which tells its end.

    `order`: JSON, with the job's `spec`, the `sha256` of its weights, and the asker's `version` of Halfpint.
    The news are told under the topic that is the task's key. Each begins another try, if its worker died.
    """
    distributed: Any = import_module("distributed")
    dask, asked = distributed.get_worker(), json.loads(order)
    key, attempt = str(dask.get_current_task()), secrets.token_hex(4)
    there = {"attempt": attempt, "address": dask.address, "host": socket.gethostname()}
    lines: list[str] = []

    def tell(news: Mapping[str, Any]) -> None:
        dask.log_event(key, {**there, **news})

    def emit(event: Event) -> None:
        lines.append(to_line(event))
        tell({"number": len(lines), "line": lines[-1]})

    tell({})
    _purge(dask)
    try:
        if asked["version"] != VERSION:
            what = f"the cluster's worker {dask.address} has Halfpint {VERSION}, this is {asked['version']}"
            raise JobFailed(what, "install the same version on all machines")
        with _while_wanted(dask, key) as unwanted:
            spec = ExportSpec.from_json(asked["spec"])
            weights = _weights(dask, spec.weights, asked["sha256"], tell, unwanted)
            _do(_folder(dask, key), replace(spec, weights=weights), emit, unwanted)
    except HalfpintError as error:
        emit(JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
    except OSError as error:
        emit(JobFinished(1, 0.0, message=f"{dask.address}: {error}", fix="is there room on its disk?"))
    return json.dumps({**there, "lines": lines}).encode()


def receive(sha256: str, name: str, attempt: str, data: bytes, is_last: str, dask_worker: Any = None) -> None:
    """Take the next piece of a weights file. `is_last`: "yes" after the last one."""
    target = _arrived(dask_worker, sha256, name)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{attempt}.part")
    with part.open("ab") as file:
        file.write(data)
    if is_last == "yes":
        part.replace(target)


def read(key: str, name: str, offset: int, nbytes: int, dask_worker: Any = None) -> bytes:
    """A piece of a file that a job made. Raises `OSError`."""
    path = _folder(dask_worker, key) / "out" / Path(name).name
    with path.open("rb") as file:
        return os.pread(file.fileno(), nbytes, offset)


def forget(key: str, dask_worker: Any = None) -> None:
    """Remove what a job made: it was fetched, or nobody wants it."""
    shutil.rmtree(_folder(dask_worker, key), ignore_errors=True)


def _do(folder: Path, spec: ExportSpec, emit: Callable[[Event], object], unwanted: Flag) -> None:
    """Have the job done in a process of its own, which ends with this one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(0o700)
    spec = spec.having(OUT, str(folder / "out")).having(OVERWRITE, False).having(CLUSTER, "")
    job = create_in(folder / "jobs", placed(spec), _KEPT_JOBS)
    with Worker(tied=True) as worker:
        worker.start(job)
        Thread(target=_cancel_unwanted, args=(worker, unwanted), name="cancel", daemon=True).start()
        for event in worker.follow():
            emit(event)


def _cancel_unwanted(worker: Worker, unwanted: Flag) -> None:
    unwanted.wait()
    worker.cancel()  # nothing happens if it has ended


@contextmanager
def _while_wanted(dask: Any, key: str) -> Iterator[Flag]:
    """Within, a flag that is raised when nobody wants the task any more: it was cancelled, or the asker is gone."""
    unwanted = Flag()

    def watch() -> None:
        while not unwanted.is_set():
            task = dask.state.tasks.get(key)
            if task is None or task.state != "executing":
                unwanted.set()
            time.sleep(_POLL_SECONDS)

    Thread(target=watch, name=f"wanted {key}", daemon=True).start()
    try:
        yield unwanted
    finally:
        unwanted.set()


def _weights(dask: Any, path: Path, sha256: str, tell: Tell, unwanted: Flag) -> Path:
    """The weights file on this machine: where the asker has it too, or else a copy. Raises `JobFailed`."""
    with contextlib.suppress(OSError):
        if file_sha256(path) == sha256:
            return path
    copy = _arrived(dask, sha256, path.name)
    if not copy.exists():
        tell({"wants": sha256})
    while not copy.exists():
        if unwanted.is_set():
            raise BadRequest("nobody wants the job any more")
        time.sleep(_POLL_SECONDS)
    if file_sha256(copy) != sha256:
        copy.unlink()
        raise JobFailed(f"{path.name} did not arrive on {dask.address} as it was sent", "try the job again")
    return copy


def _arrived(dask: Any, sha256: str, name: str) -> Path:
    """Where a copy of a weights file lies, once all of it is there."""
    return Path(dask.local_directory) / "halfpint" / Path(sha256).name / Path(name).name


def _folder(dask: Any, key: str) -> Path:
    return Path(dask.local_directory) / Path(key).name


def _purge(dask: Any) -> None:
    """Remove what jobs made that nobody fetched: their askers are gone."""
    for folder in Path(dask.local_directory).glob(f"{PREFIX}*"):
        if folder.name not in dask.state.tasks:
            shutil.rmtree(folder, ignore_errors=True)
