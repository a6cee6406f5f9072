"""A job that a worker of a Dask cluster does: weights are sent, events come back, files are fetched and published here.

Of what comes back, events and manifest are JSON, and files are bytes with a SHA-256; nothing else is taken. Dask's own
protocol does unpickle what a scheduler sends: a cluster is a machine that one trusts as one's own.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ..device_names import AUTO, CPU
from ..errors import HalfpintError, JobFailed
from ..events import (
    ArtifactFailed,
    ArtifactPublished,
    Event,
    JobFinished,
    JobStarted,
    Note,
    Progress,
    StageFinished,
    StageSilent,
    StageStarted,
    from_line,
)
from ..export.pipeline import Outcome, told
from ..export.published import publish
from ..export.stages import Emit, Stage
from ..export.turn import turn
from ..manifest import Listed, Source, earlier, read
from ..options import CLUSTER, DEVICE
from ..publication.draft import Draft
from ..spec import ExportSpec
from ..units import mebibytes, megabytes
from ..version import VERSION
from ..weights_source import WeightsSource, file_sha256
from . import cluster_worker
from .cluster_address import check_portable, warning
from .cluster_worker import PREFIX
from .room import gpu_nbytes

RESOURCE = "GPU_MEMORY"  # in bytes, as a worker declares it: dask worker … --resources "GPU_MEMORY=24e9"
_PIECE_NBYTES = 8 << 20
_PATIENCE_SECONDS = 30  # for a scheduler to answer
_POLL_SECONDS = 0.1
_TRIES = 3  # to fetch what was made from a worker that is still there
_LOCAL_STAGE = "publish"  # what a worker publishes is a draft here


class _Gone(Exception):
    """The worker that has the files is no more."""


class _EndedThere(HalfpintError):
    """The job ended there as `finished` tells."""

    def __init__(self, finished: JobFinished) -> None:
        super().__init__(finished.message, finished.fix)
        self.exit_code = finished.exit_code  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True)
class _Done:
    """A job that was done by the worker at `address`, as the task `key`: all its events."""

    key: str
    address: str
    events: Sequence[Event]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def run_there(spec: ExportSpec, emit: Emit, job: str = "") -> None:
    """As `export.pipeline.run`, by the cluster that the spec names."""
    told(spec, emit, lambda outcome: _export(spec, job, outcome, emit))


def _export(spec: ExportSpec, job: str, outcome: Outcome, emit: Emit) -> None:
    check_portable(spec)
    address = spec.policy[CLUSTER]
    if risk := warning(address):
        emit(Note("warning", risk))
    with turn(spec, job, emit) as hold:
        with WeightsSource(spec.weights) as weights:
            info = weights.info
        source = Source(info, file_sha256(spec.weights))
        earlier(spec, source.sha256)  # raises now if the manifest is going to be in the way
        with _connected(address) as client, ExitStack() as stack:
            done, listed, drafts = _made(client, spec, source.sha256, stack, emit)
            with _stage(_LOCAL_STAGE, "", emit) as publishing:
                publish(hold, spec, source, drafts, listed, {}, emit)
                total = sum(draft.nbytes for draft in drafts)
                publishing.summary = f"{spec.manifest.name} and {len(drafts)} files, {megabytes(total)}"
            with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError):
                client.run(cluster_worker.forget, done.key, workers=[done.address])
        outcome.manifest = str(spec.manifest)
        failed = {Path(event.path).name for event in done.of(ArtifactFailed)}
        outcome.failed += [kind for kind in spec.kinds if spec.path(kind).name in failed]
        for event in done.of(ArtifactPublished):
            emit(replace(event, path=str(spec.out / Path(event.path).name)))


def _made(
    client: Any, spec: ExportSpec, sha256: str, stack: ExitStack, emit: Emit
) -> tuple[_Done, Sequence[Listed], Sequence[Draft]]:
    """Have the job done, and fetch what it made into drafts. Raises `HalfpintError` if it made nothing."""
    for _ in range(_TRIES):
        done = _done(client, spec, sha256, emit)
        (finished,) = done.of(JobFinished)
        if not done.of(ArtifactPublished):
            raise _EndedThere(finished)
        try:
            with _stage("fetch", "", emit) as fetching:
                listed, drafts = _fetched(client, spec, sha256, done, stack)
                fetching.summary = megabytes(sum(draft.nbytes for draft in drafts))
            return done, listed, drafts
        except _Gone:
            emit(Note("warning", f"the worker {done.address} is gone with what it made; the job begins again"))
    raise JobFailed(f"{_TRIES} workers of the cluster went away with what they had made", "halfpint jobs retry")


@contextmanager
def _stage(name: str, artifact: str, emit: Emit) -> Iterator[Stage]:
    """As `export.stages.stage`, of what happens here: the memory that is told is that of the worker there."""
    start = time.perf_counter()
    emit(StageStarted(name, artifact))
    running = Stage()
    yield running
    emit(StageFinished(name, artifact, time.perf_counter() - start, running.summary))


# ---- the job on the cluster


def _done(client: Any, spec: ExportSpec, sha256: str, emit: Emit) -> _Done:
    """Have a worker do the job. Raises `JobFailed` if none does."""
    key, news = f"{PREFIX}{secrets.token_hex(8)}", SimpleQueue[Any]()
    client.subscribe_topic(key, lambda event: news.put(event[1]))
    order = json.dumps({"version": VERSION, "spec": _portable(spec).to_json(), "sha256": sha256})
    needs = _resources(client, spec, emit)
    future = client.submit(cluster_worker.work, order, key=key, pure=False, resources=needs)
    try:
        passed = _Passed(client, spec, sha256, emit)
        arriving = _arriving(future, news)
        with _stage("wait", "", emit) as waiting:
            first = next(arriving, None)
            waiting.summary = "" if first is None else f"runs on {first['host']} ({first['address']})"
        if first is not None:
            passed.take(first)
        for told_now in arriving:
            passed.take(told_now)
        try:
            result = json.loads(bytes(future.result()))
            events = [from_line(line) for line in result["lines"]]
            address = str(result["address"])
        except Exception as error:  # whatever Dask says, or a worker that is not ours
            what = f"the cluster did not do the job ({type(error).__name__}: {error!s:.300})"
            raise JobFailed(
                what, "do its workers have Halfpint installed, and memory enough? halfpint jobs retry"
            ) from error
        passed.rest(result["lines"])
        return _Done(key, address, events)
    except BaseException:
        future.cancel()
        raise
    finally:
        client.unsubscribe_topic(key)
        future.release()


def _arriving(future: Any, news: SimpleQueue[Any]) -> Iterator[Mapping[str, Any]]:
    """What the worker tells, until the task is over."""
    while True:
        over = future.done()
        with contextlib.suppress(Empty):
            while True:
                told_now = news.get(timeout=0 if over else _POLL_SECONDS)
                if isinstance(told_now, Mapping) and "attempt" in told_now:
                    yield told_now
        if over:
            return


@dataclass
class _Passed:
    """Passes on what a worker tells: its events, in their order; and sends it the weights if it wants them."""

    client: Any
    spec: ExportSpec
    sha256: str
    emit: Emit
    attempt: str = ""
    address: str = ""
    count: int = 0  # of the events that this attempt told

    def take(self, news: Mapping[str, Any]) -> None:
        address, attempt = str(news["address"]), str(news["attempt"])
        if self.attempt and attempt != self.attempt:
            where = f"{news['host']} ({address})"
            self.emit(Note("warning", f"the worker {self.address} died; the job begins again on {where}"))
            self.count = 0
        self.attempt, self.address = attempt, address
        if "wants" in news:
            with _stage("send", self.spec.weights.name, self.emit) as sending, contextlib.suppress(*_BROKEN):
                sending.summary = _send(self.client, self.spec.weights, self.sha256, attempt, address)
        elif news.get("number") == self.count + 1:
            self._tell(str(news["line"]))

    def rest(self, lines: Sequence[str]) -> None:
        """Those that were lost on the way."""
        for line in lines[self.count :]:
            self._tell(line)

    def _tell(self, line: str) -> None:
        self.count += 1
        with contextlib.suppress(ValueError):
            match from_line(line):
                case JobStarted() | JobFinished() | StageSilent() | ArtifactPublished():
                    pass  # told from here, when it is so here
                case StageStarted(stage=name) | Progress(stage=name) | StageFinished(stage=name) if (
                    name == _LOCAL_STAGE
                ):
                    pass
                case ArtifactFailed() as event:
                    self.emit(replace(event, path=str(self.spec.out / Path(event.path).name)))
                case event:
                    self.emit(event)


def _send(client: Any, weights: Path, sha256: str, attempt: str, address: str) -> str:
    """Send the weights to a worker, piece by piece; what was sent, in words."""
    nbytes = 0
    with weights.open("rb") as file:
        piece = file.read(_PIECE_NBYTES)
        while piece:
            following = file.read(_PIECE_NBYTES)
            last = "" if following else "yes"
            client.run(cluster_worker.receive, sha256, weights.name, attempt, piece, last, workers=[address])
            nbytes, piece = nbytes + len(piece), following
    return f"{megabytes(nbytes)} to {address}"


def _portable(spec: ExportSpec) -> ExportSpec:
    """The job as a worker is told it: on a GPU of its own choice, or on its CPU."""
    if spec.device == CPU:
        return spec
    return spec.having(DEVICE, AUTO)


def _resources(client: Any, spec: ExportSpec, emit: Emit) -> Mapping[str, float] | None:
    """What a worker must have declared. `auto` takes the CPU where no worker declares any memory of a GPU."""
    if spec.device == CPU:
        return None
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    declared = [float(worker.get("resources", {}).get(RESOURCE, 0)) for worker in workers]
    if spec.device == AUTO and not any(declared):
        return None
    needed = max(1, gpu_nbytes(spec.having(DEVICE, "0")))
    if needed > max(declared, default=0.0):
        most = mebibytes(int(max(declared, default=0.0)))
        emit(Note("warning", f"waits for a worker with {RESOURCE} of {mebibytes(needed)}: the most there is {most}"))
    return {RESOURCE: float(needed)}


# ---- its files


def _fetched(
    client: Any, spec: ExportSpec, sha256: str, done: _Done, stack: ExitStack
) -> tuple[Sequence[Listed], Sequence[Draft]]:
    """What the manifest there lists: entries for the one here, and sealed drafts of the same bytes.

    Raises `_Gone`, and `JobFailed` for files that are not the job's, or not what they are said to be.
    """
    expected = {path.name: path for kind in spec.kinds for path in (*spec.paths(kind), *spec.pictures(kind))}
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        manifest = Path(folder) / "manifest.json"
        manifest.write_bytes(b"".join(_pieces(client, done, spec.manifest.name)))
        try:
            found = read(manifest)
            if found.source["sha256"] != sha256:
                raise ValueError("it is of other weights")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JobFailed(f"the manifest of {done.address} cannot be used: {error}", "halfpint jobs retry") from error
    announced = {Path(event.path).name: event.sha256 for event in done.of(ArtifactPublished)}
    drafts: list[Draft] = []
    for listed in found.artifacts:
        for name, listed_sha256 in (*listed.files, *listed.pictures):
            if name not in expected or announced.get(name, listed_sha256) != listed_sha256:
                raise JobFailed(f"{done.address} lists a file that the job does not make: {name!r:.80}")
            draft = stack.enter_context(Draft(expected[name]))
            with draft.open() as file:
                for piece in _pieces(client, done, name):
                    file.write(piece)
            draft.complete()
            draft.seal()
            if draft.sha256 != listed_sha256:
                raise JobFailed(f"{name} did not arrive as {done.address} made it", "halfpint jobs retry")
            drafts.append(draft)
    return [_here(listed, spec) for listed in found.artifacts], drafts


def _here(listed: Listed, spec: ExportSpec) -> Listed:
    """The entry as it stands in the manifest here: how it was made is told there, what was asked for here."""
    made = listed.entry.get("made")
    circumstances = {**made, "spec": spec.to_dict()} if isinstance(made, Mapping) else {"spec": spec.to_dict()}
    return replace(listed, entry={**listed.entry, "made": circumstances})


def _pieces(client: Any, done: _Done, name: str) -> Iterator[bytes]:
    """A file's bytes. Raises `_Gone`."""
    offset = 0
    while True:
        try:
            told_now = client.run(cluster_worker.read, done.key, name, offset, _PIECE_NBYTES, workers=[done.address])
            piece = bytes(told_now[done.address])
        except _BROKEN as error:
            raise _Gone from error
        yield piece
        offset += len(piece)
        if len(piece) < _PIECE_NBYTES:
            return


_BROKEN = (OSError, ValueError, KeyError, RuntimeError)  # what Dask raises of a worker that is gone


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the cluster. Raises `JobFailed` if it does not answer."""
    distributed: Any = import_module("distributed")
    try:
        client = distributed.Client(address, timeout=_PATIENCE_SECONDS, set_as_default=False, name="halfpint")
    except (*_BROKEN, TypeError) as error:
        what = f"the cluster at {address} does not answer: {error!s:.300}"
        raise JobFailed(what, "is its scheduler there, and for tls:// are the certificates configured?") from error
    try:
        yield client
    finally:
        with contextlib.suppress(*_BROKEN):
            client.close(timeout=5)
