"""From a spec to published artifacts: the stages in order, as a generator of events. It knows no process."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any, TypeVar

from .. import limits
from ..errors import HalfpintError, JobFailed
from ..events import ArtifactFailed, ArtifactPublished, JobFinished, JobStarted, Note, Progress
from ..formats import Format, Kind
from ..ledger import artifact_ledger
from ..publication.draft import Draft, taken
from ..publication.hold import Hold
from ..readings.weigher import weights_nbytes
from ..spec import ExportSpec
from ..units import megabytes
from ..verify.report import Report, Verdict
from ..verify.trial import Step, Trial, on_trial
from ..version import VERSION
from .manifest import ArtifactRecord, Source, changed, earlier, manifest_bytes
from .memory import measured
from .order import Made, Order, make
from .source import LoadedWeights, read_weights
from .stages import Work, stage
from .turn import turn
from .verifiers import Verifier, verifier

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Verified:
    """An artifact that may be published, and its verification."""

    made: Made
    draft: Draft
    report: Report

    @property
    def order(self) -> Order:
        return self.made.order


@dataclass
class _Outcome:
    """What came of a job so far."""

    failed: list[Kind] = field(default_factory=list[Kind])
    manifest: str = ""


def run(spec: ExportSpec, job: str = "") -> Work[None]:
    """Do a job. Every failure becomes an event; the last event is always `JobFinished`. `job`: its id, for others.

    All artifacts that pass their verification are published together, with their manifest, or none is. Closing the
    generator, or an exception thrown into it, discards what is not published yet.
    """
    start = time.perf_counter()
    yield JobStarted(str(spec.weights), tuple(str(spec.path(kind)) for kind in spec.kinds))
    outcome = _Outcome()
    try:
        yield from _export(spec, job, outcome)
    except HalfpintError as error:
        yield JobFinished(error.exit_code, time.perf_counter() - start, message=error.what, fix=error.fix)
    except MemoryError:
        message, fix = limits.out_of_memory()
        yield JobFinished(1, time.perf_counter() - start, message=message, fix=fix)
    else:
        message = f"{len(outcome.failed)} of {len(spec.kinds)} artifacts were not published" if outcome.failed else ""
        seconds = time.perf_counter() - start
        yield JobFinished(1 if outcome.failed else 0, seconds, manifest=outcome.manifest, message=message)


def _export(spec: ExportSpec, job: str, outcome: _Outcome) -> Work[None]:
    with (yield from turn(spec, job)) as hold:
        loaded = yield from stage("read", "", read_weights(spec))
        if Format.TORCHSCRIPT in spec.formats:
            # The import takes over a second, and the ONNX files come first.
            Thread(target=__import__, args=("torch",), daemon=True).start()
        earlier(spec, loaded.sha256)  # raises now if the manifest is going to be in the way
        hold.check()
        orders = [Order(spec, loaded, kind) for kind in spec.kinds]
        with ExitStack() as stack:
            drafts = {order.kind: stack.enter_context(Draft(order.path)) for order in orders}
            judge = verifier(spec.verify, loaded.network)
            stack.callback(judge.close)
            judge.prepare(orders)
            # All files are made and tried before the first is judged: the reference catches up meanwhile.
            tried: list[tuple[Made, Trial]] = []
            for order in orders:
                tried += yield from _guarded(order, outcome, _make_and_try(order, drafts[order.kind], judge))
            verified: list[_Verified] = []
            for made, trial in tried:
                work = _judge(made, trial, drafts[made.order.kind], judge)
                verified += yield from _guarded(made.order, outcome, work)
            if verified:
                records = yield from stage("publish", "", _publish(hold, loaded, verified))
                outcome.manifest = str(spec.manifest)
                for record in records:
                    yield _published(record, loaded)


def _guarded(order: Order, outcome: _Outcome, work: Work[T]) -> Work[list[T]]:
    """The result of the work, or nothing after telling why this artifact failed: the others go on."""
    try:
        return [(yield from work)]
    except HalfpintError as error:
        outcome.failed.append(order.kind)
        yield ArtifactFailed(str(order.path), error.what, error.fix)
        return []


def _make_and_try(order: Order, draft: Draft, judge: Verifier) -> Work[tuple[Made, Trial]]:
    """Write an artifact to its draft, load it back and let it answer the test images."""
    made = yield from make(order, draft)
    trial = yield from stage("run", order.path.name, _run(order, draft, judge))
    return made, trial


def _run(order: Order, draft: Draft, judge: Verifier) -> Work[tuple[Trial, str]]:
    draft.check()
    subject = order.subject(draft.path)
    trial = yield from _told("run", order, on_trial(subject, order.loaded.network, judge.plan(subject)))
    judge.inspect(trial)
    return trial, f"{len(trial.answers)} answers"


def _judge(made: Made, trial: Trial, draft: Draft, judge: Verifier) -> Work[_Verified]:
    """Judge a draft. Raises `JobFailed` if the verdict is FAIL, `BadRequest` if its name was taken meanwhile."""
    order = made.order
    report = yield from stage("verify", order.path.name, _verify(order, trial, judge))
    if report.verdict is Verdict.FAIL:
        reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
        raise JobFailed(f"verification failed: {reasons}", "the file was not published")
    if not order.spec.overwrite and os.path.lexists(order.path):
        raise taken(order.path)
    return _Verified(made, draft, report)


def _verify(order: Order, trial: Trial, judge: Verifier) -> Work[tuple[Report, str]]:
    report = yield from _told("verify", order, judge.judge(order, trial))
    return report, report.verdict.upper()


def _told(name: str, order: Order, steps: Generator[Step, None, T]) -> Work[T]:
    """The result of a verification's steps, each of them told as progress."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield Progress(name, order.path.name, step.done, step.total, step.text)


def _publish(
    hold: Hold, loaded: LoadedWeights, verified: Sequence[_Verified]
) -> Work[tuple[list[ArtifactRecord], str]]:
    """Publish artifacts and their manifest, all at once."""
    spec = verified[0].order.spec
    for one in verified:
        one.draft.seal()
    records = [_record(one) for one in verified]
    names = {record.path.name for record in records}
    kept: list[dict[str, Any]] = []
    for entry in earlier(spec, loaded.sha256):
        if entry["file"] in names:
            continue
        if changed(spec.out, entry):
            yield Note("warning", f"{entry['file']} is not the file that was published: it is listed no longer")
        else:
            kept.append(entry)
    with Draft(spec.manifest) as manifest:
        source = Source(loaded.info, loaded.sha256)
        manifest.write(manifest_bytes(source, records, kept, _circumstances(spec, loaded)))
        manifest.seal()
        hold.publish([one.draft for one in verified], manifest, overwrite=spec.overwrite)
    files = f"{len(records)} files" if len(records) > 1 else "a file"
    return records, f"{spec.manifest.name} and {files}, {megabytes(sum(r.nbytes for r in records))}"


def _record(one: _Verified) -> ArtifactRecord:
    made, order = one.made, one.order
    weights = weights_nbytes(order.loaded.network, order.kind.precision.weights.itemsize)
    return ArtifactRecord(
        path=order.path,
        kind=order.kind,
        nbytes=made.nbytes,
        sha256=one.draft.sha256,
        contract=order.contract(),
        simplified=made.simplified,
        ledger=artifact_ledger(order.loaded.info, order.kind.precision, made.nbytes, weights),
        report=one.report,
    )


def _published(record: ArtifactRecord, loaded: LoadedWeights) -> ArtifactPublished:
    report = record.report
    return ArtifactPublished(
        path=str(record.path),
        nbytes=record.nbytes,
        ratio=record.nbytes / loaded.info.nbytes,
        sha256=record.sha256,
        verdict=str(report.verdict),
        headline=report.headline,
        noise_multiple=report.noise_multiple,
        ledger=record.ledger.explanation,
        warnings=tuple(check.message for check in report.checks if check.verdict is Verdict.WARN),
    )


def _circumstances(spec: ExportSpec, loaded: LoadedWeights) -> Mapping[str, Any]:
    """When, with what, and by which spec the artifacts were made, and in how much memory (bytes)."""
    versions = {"halfpint": VERSION, "python": platform.python_version()}
    for name in ("numpy", "onnx", "onnxruntime", "torch"):
        if name in sys.modules:
            versions[name] = str(sys.modules[name].__version__)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "spec": spec.to_dict(),
        "memory": {"predicted": asdict(loaded.predicted), "measured": asdict(measured())},
    }
