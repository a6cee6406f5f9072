"""From a spec to published artifacts: the stages in order, as a generator of events. It knows no process."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any, TypeVar

from ..artifacts.draft import Draft, taken
from ..errors import HalfpintError, JobFailed
from ..formats import Format, Kind
from ..ledger import artifact_ledger
from ..loading import file_sha256
from ..readings.weigher import weights_nbytes
from ..units import megabytes
from ..verify.report import Report, Verdict
from ..verify.trial import Step, Trial, on_trial
from ..version import VERSION
from .events import ArtifactFailed, ArtifactPublished, JobFinished, JobStarted, Progress
from .making import Made, Order, make
from .manifest import ArtifactRecord, Source, earlier, publish_manifest
from .measuring import measured, predicted
from .reading import LoadedWeights, read_weights
from .spec import ExportSpec
from .stages import Work, stage
from .verifying import Verifier, verifier

T = TypeVar("T")


@dataclass
class _Outcome:
    """What came of a job so far."""

    records: list[ArtifactRecord] = field(default_factory=list[ArtifactRecord])
    failed: list[Kind] = field(default_factory=list[Kind])
    manifest: str = ""


def run(spec: ExportSpec) -> Work[None]:
    """Do a job. Every failure becomes an event; the last event is always `JobFinished`.

    Closing the generator, or an exception thrown into it, discards what is not published yet.
    """
    start = time.perf_counter()
    yield JobStarted(str(spec.weights), tuple(str(spec.path(kind)) for kind in spec.kinds))
    outcome = _Outcome()
    try:
        yield from _export(spec, outcome)
    except HalfpintError as error:
        yield JobFinished(error.exit_code, time.perf_counter() - start, message=error.what, fix=error.fix)
    except MemoryError:
        seconds = time.perf_counter() - start
        yield JobFinished(1, seconds, message="the machine ran out of memory", fix="try a smaller size or batch")
    else:
        message = f"{len(outcome.failed)} of {len(spec.kinds)} artifacts were not published" if outcome.failed else ""
        seconds = time.perf_counter() - start
        yield JobFinished(1 if outcome.failed else 0, seconds, manifest=outcome.manifest, message=message)


def _export(spec: ExportSpec, outcome: _Outcome) -> Work[None]:
    for kind in spec.kinds:
        if not spec.overwrite and spec.path(kind).exists():
            raise taken(spec.path(kind))
    loaded = yield from stage("read", "", read_weights(spec))
    if Format.TORCHSCRIPT in spec.formats:
        # The import takes over a second, and the ONNX files come first.
        Thread(target=__import__, args=("torch",), daemon=True).start()
    earlier(spec, loaded.sha256)  # raises now if the manifest is going to be in the way
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
        for made, trial in tried:
            work = _judge_and_publish(made, trial, drafts[made.order.kind], judge)
            outcome.records += yield from _guarded(made.order, outcome, work)
    if outcome.records:
        source = Source(loaded.info, loaded.sha256)
        outcome.manifest = str(publish_manifest(spec, source, outcome.records, _circumstances(spec, loaded)))


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
    subject = order.subject(draft.path)
    trial = yield from _told("run", order, on_trial(subject, order.loaded.network, judge.plan(subject)))
    judge.inspect(trial)
    return trial, f"{len(trial.answers)} answers"


def _judge_and_publish(made: Made, trial: Trial, draft: Draft, judge: Verifier) -> Work[ArtifactRecord]:
    """Judge a draft and publish it. Raises `JobFailed` if the verdict is FAIL."""
    order = made.order
    name = order.path.name
    report = yield from stage("verify", name, _verify(order, trial, judge))
    if report.verdict is Verdict.FAIL:
        reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
        raise JobFailed(f"verification failed: {reasons}", "the file was not published")
    record = yield from stage("publish", name, _publish(made, draft, report))
    yield ArtifactPublished(
        path=str(order.path),
        nbytes=record.nbytes,
        ratio=record.nbytes / order.loaded.info.nbytes,
        sha256=record.sha256,
        verdict=str(report.verdict),
        accuracy=report.message_of("accuracy") or report.message_of("halving") or report.message_of("outputs"),
        worst_error=report.worst_error,
        ledger=record.ledger.explanation,
        warnings=tuple(check.message for check in report.checks if check.verdict is Verdict.WARN),
    )
    return record


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


def _publish(made: Made, draft: Draft, report: Report) -> Work[tuple[ArtifactRecord, str]]:
    yield from ()
    order = made.order
    sha256 = file_sha256(draft.path)
    draft.publish(order.spec.overwrite)
    weights = weights_nbytes(order.loaded.network, order.kind.precision.itemsize)
    record = ArtifactRecord(
        path=order.path,
        kind=order.kind,
        nbytes=made.nbytes,
        sha256=sha256,
        contract=order.contract(),
        simplified=made.simplified,
        ledger=artifact_ledger(order.loaded.info, order.kind.precision, made.nbytes, weights),
        report=report,
    )
    return record, megabytes(made.nbytes)


def _circumstances(spec: ExportSpec, loaded: LoadedWeights) -> Mapping[str, Any]:
    """When, with what, and by which spec the artifacts were made, and in how much memory (bytes)."""
    versions = {"halfpint": VERSION, "python": platform.python_version()}
    for name in ("numpy", "onnx", "onnxruntime", "torch"):
        if name in sys.modules:
            versions[name] = str(sys.modules[name].__version__)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "spec": json.loads(spec.to_json()),
        "memory": {"predicted": asdict(predicted(loaded.estimate)), "measured": asdict(measured())},
    }
