"""From a spec to published artifacts: the stages in order, each telling what happens. It knows no process."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any, TypeAlias

from .. import limits
from ..errors import BadRequest, HalfpintError, VerificationFailed
from ..events import ArtifactFailed, ArtifactPublished, JobFinished, JobStarted, Progress
from ..kinds import Kind
from ..ledger import artifact_ledger
from ..manifest import ArtifactRecord, FileRecord, PictureRecord, Source, earlier
from ..options import TARGETS
from ..plugins import import_ahead
from ..publication.draft import Draft, taken
from ..publication.hold import Hold
from ..readings.weigher import weights_nbytes
from ..spec import ExportSpec
from ..targets import targets
from ..targets.provenance import use_of
from ..units import megabytes
from ..verify.evidence import Verdict
from ..verify.proof import DETAILS
from ..verify.report import Report
from ..verify.trial import OnStep, Trial, on_trial
from ..version import VERSION
from .memory import measured
from .order import Made, Order, make, make_on_images
from .prover import Drawn, Prover, images_of
from .published import publish
from .source import LoadedWeights, read_weights
from .stages import Emit, stage
from .turn import turn
from .verifiers import Verifier, verifier

Drafts: TypeAlias = tuple[Draft, ...]  # of the files of one artifact


@dataclass(frozen=True, eq=False)
class _Verified:
    """An artifact that may be published, and its verification."""

    made: Made
    drafts: Drafts
    drawn: tuple[Drawn, ...]
    report: Report

    @property
    def order(self) -> Order:
        return self.made.order


@dataclass
class Outcome:
    """What came of a job so far."""

    failed: list[Kind] = field(default_factory=list[Kind])
    manifest: str = ""


def run(spec: ExportSpec, emit: Emit, job: str = "") -> None:
    """Do a job. Every failure becomes an event; the last event is always `JobFinished`. `job`: its id, for others.

    All artifacts that pass their verification are published together, with their manifest, or none is. What `emit`
    raises ends the job, and discards what is not published yet.
    """
    told(spec, emit, lambda outcome: _export(spec, job, outcome, emit))


def told(spec: ExportSpec, emit: Emit, work: Callable[[Outcome], None]) -> None:
    """Tell of a job's start, do its work, and tell of its end, whatever the work raises but interruptions."""
    start = time.perf_counter()
    emit(JobStarted(str(spec.weights), tuple(str(spec.path(kind)) for kind in spec.kinds)))
    outcome = Outcome()
    try:
        work(outcome)
    except HalfpintError as error:
        emit(JobFinished(error.exit_code, time.perf_counter() - start, message=error.what, fix=error.fix))
    except MemoryError:
        message, fix = limits.out_of_memory()
        emit(JobFinished(1, time.perf_counter() - start, message=message, fix=fix))
    else:
        message = f"{len(outcome.failed)} of {len(spec.kinds)} artifacts were not published" if outcome.failed else ""
        seconds = time.perf_counter() - start
        emit(JobFinished(1 if outcome.failed else 0, seconds, manifest=outcome.manifest, message=message))


def _export(spec: ExportSpec, job: str, outcome: Outcome, emit: Emit) -> None:
    for target in spec.targets:
        if not target.installed:
            what = f"{target.label} files need {' and '.join(target.modules)}, which is not installed"
            raise BadRequest(what, target.install or f"leave out {TARGETS.flag} {target}")
    images = images_of(spec)
    with turn(spec, job, emit) as hold:
        # An import may take over a second, and nothing is needed before the first file is written.
        modules = [module for target in spec.targets for module in target.preload]
        Thread(target=import_ahead, args=modules, daemon=True).start()
        with stage("read", "", emit) as reading:
            loaded = read_weights(spec, emit)
            reading.summary = loaded.summary
        earlier(spec, loaded.sha256)  # raises now if the manifest is going to be in the way
        hold.check()
        orders = [Order(spec, loaded, kind) for kind in spec.kinds]
        with ExitStack() as stack:
            drafts = {order.kind: tuple(stack.enter_context(Draft(path)) for path in order.paths) for order in orders}
            blank = {kind: tuple(stack.enter_context(Draft(path)) for path in spec.pictures(kind)) for kind in drafts}
            judge = verifier(spec.verify, loaded.network)
            stack.callback(judge.close)
            judge.prepare(orders)
            prover = Prover(spec, loaded, images, emit)
            # All files are made and tried before the first is judged: the reference catches up meanwhile.
            tried: list[tuple[Made, Trial, tuple[Drawn, ...]]] = []
            for order in orders:
                with _guarded(order, outcome, emit):
                    made, trial = _make_and_try(order, drafts[order.kind], judge, prover, emit)
                    drawn = prover.prove(order, trial, blank[order.kind], judge.rounded(order.kind.precision))
                    judge.inspect(trial)
                    tried.append((made, trial, drawn))
            verified: list[_Verified] = []
            for made, trial, drawn in tried:
                with _guarded(made.order, outcome, emit):
                    report = _judge(made.order, trial, drawn, judge, emit)
                    verified.append(_Verified(made, drafts[made.order.kind], drawn, report))
            if verified:
                records = _publish(hold, loaded, verified, emit)
                outcome.manifest = str(spec.manifest)
                for record in records:
                    emit(_published(record, loaded))


@contextmanager
def _guarded(order: Order, outcome: Outcome, emit: Emit) -> Iterator[None]:
    """Tell why this artifact failed, if the work within raises: the others go on."""
    try:
        yield
    except HalfpintError as error:
        outcome.failed.append(order.kind)
        verdict = Verdict.FAIL if isinstance(error, VerificationFailed) else ""
        emit(ArtifactFailed(str(order.path), error.what, error.fix, verdict))


def _make_and_try(order: Order, drafts: Drafts, judge: Verifier, prover: Prover, emit: Emit) -> tuple[Made, Trial]:
    """Write an artifact to its drafts, load it back and let it answer the test images."""
    needs_images = order.kind.precision.needs_images
    made = make_on_images(order, drafts, prover.examples(order), emit) if needs_images else make(order, drafts, emit)
    with stage("run", order.path.name, emit) as running:
        for draft in drafts:
            draft.check()
            draft.complete()
        subject = order.subject(tuple(draft.path for draft in drafts))
        plan = judge.plan(subject)
        trial = on_trial(subject, order.loaded.network, plan, on_step=_progress("run", order, emit))
        running.summary = f"{len(trial.answers)} answers"
    return made, trial


def _judge(order: Order, trial: Trial, drawn: Sequence[Drawn], judge: Verifier, emit: Emit) -> Report:
    """Judge an artifact. Raises `VerificationFailed` for FAIL, `BadRequest` if its name was taken meanwhile.

    The pictures of one that failed get names of their own, as nothing else of it does.
    """
    with stage("verify", order.path.name, emit) as verifying:
        report = judge.judge(order, trial, _progress("verify", order, emit))
        verifying.summary = report.verdict.upper()
    if report.verdict is Verdict.FAIL:
        reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
        raise VerificationFailed(
            f"verification failed: {reasons}", f"the file was not published{_shown_apart(order, drawn)}"
        )
    for path in order.paths:
        if not order.spec.overwrite and os.path.lexists(path):
            raise taken(path)
    return report


def _shown_apart(order: Order, drawn: Sequence[Drawn]) -> str:
    """Publish the pictures of a file that failed; where they are, for people. No manifest lists them."""
    paths = order.spec.pictures_of_failure(order.kind)[: len(drawn)]
    for picture, path in zip(drawn, paths, strict=True):
        with Draft(path) as draft:
            draft.write(picture.draft.path.read_bytes())
            draft.publish(order.spec.overwrite)
    return f"; {paths[0]} and those after it show what becomes of the images" if paths else ""


def _progress(name: str, order: Order, emit: Emit) -> OnStep:
    """Reports each step of a verification as progress of a stage."""
    return lambda step: emit(Progress(name, order.path.name, step.done, step.total, step.text))


def _publish(hold: Hold, loaded: LoadedWeights, verified: Sequence[_Verified], emit: Emit) -> list[ArtifactRecord]:
    """Publish artifacts and their manifest, all at once."""
    spec = verified[0].order.spec
    with stage("publish", "", emit) as publishing:
        drafts = [draft for one in verified for draft in (*one.drafts, *(picture.draft for picture in one.drawn))]
        for draft in drafts:
            draft.seal()
        records = [_record(one) for one in verified]
        publish(hold, spec, Source(loaded.info, loaded.sha256), drafts, records, _circumstances(spec, loaded), emit)
        files = f"{len(drafts)} files" if len(drafts) > 1 else "a file"
        publishing.summary = f"{spec.manifest.name} and {files}, {megabytes(sum(r.nbytes for r in records))}"
    return records


def _record(one: _Verified) -> ArtifactRecord:
    made, order = one.made, one.order
    weights = weights_nbytes(order.loaded.network, order.kind.precision.weights.itemsize)
    return ArtifactRecord(
        path=order.path,
        kind=order.kind,
        files=tuple(FileRecord(draft.target.name, draft.nbytes, draft.sha256) for draft in one.drafts),
        contract=order.contract(),
        use=use_of(order.loaded.network, order.build.nms),
        passed=made.passed,
        ledger=artifact_ledger(order.loaded.info, order.kind.precision, made.nbytes, weights),
        report=one.report,
        pictures=tuple(
            PictureRecord(each.draft.target.name, each.draft.nbytes, each.draft.sha256, each.image)
            for each in one.drawn
        ),
        trade=made.trade,
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
        proof=tuple(check.message for check in report.checks if check.name in DETAILS),
        pictures=tuple(picture.name for picture in record.pictures),
        trade=record.trade.told if record.trade is not None else (),
    )


def _circumstances(spec: ExportSpec, loaded: LoadedWeights) -> Mapping[str, Any]:
    """When, with what, and by which spec the artifacts were made, and in how much memory (bytes)."""
    versions = {"halfpint": VERSION, "python": platform.python_version()}
    for name in ("numpy", *dict.fromkeys(module for target in targets() for module in target.modules)):
        if name in sys.modules:
            versions[name] = str(sys.modules[name].__version__)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "versions": versions,
        "spec": spec.to_dict(),
        "memory": {"predicted": asdict(loaded.predicted), "measured": asdict(measured())},
    }
