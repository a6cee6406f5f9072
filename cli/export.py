"""`halfpint export`: jobs without a screen. Each weights file is a job, in a worker process of its own."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ..core.device_names import one
from ..core.errors import BadRequest, JobFailed, WeightsRefused
from ..core.events import (
    ArtifactFailed,
    ArtifactPublished,
    Event,
    JobFinished,
    MemoryMeasured,
    MemoryPredicted,
    to_line,
)
from ..core.jobs.launcher import Worker
from ..core.jobs.registry import new_job
from ..core.options import CLUSTER, OUT, rows
from ..core.shapes import Rounding
from ..core.spec import ExportSpec, same_files
from ..core.tables import in_noise, table
from ..core.units import about_mebibytes, mebibytes, megabytes
from .arguments import shape_in_words, size_of, weights_in
from .cluster import look_at
from .console import say, say_error, say_json, say_wrapped
from .flags import values_of
from .progress import monitor


def run(args: argparse.Namespace) -> int:
    """Run `halfpint export`; its exit code."""
    if args.inplace:
        say_error("note: --inplace changes nothing here: the layout comes from the checkpoint")
    if args.plan is not None:
        from .plan import run as run_plan

        return run_plan(args)
    if args.dry_run or args.only is not None:
        raise BadRequest(f"{'--dry-run' if args.dry_run else '--only'} means nothing without --plan", "add --plan")
    if args.parallel != 1 and not args.detach:
        raise BadRequest("--parallel means nothing without --detach or --plan", "add --detach")
    if args.detach:
        return _detach(_specs(args), args.parallel, as_json=args.json)
    with _ahead() as worker:
        return run_jobs(_specs(args), worker, as_json=args.json)


def _specs(args: argparse.Namespace) -> Sequence[ExportSpec]:
    """The jobs that the arguments ask for. Raises `BadRequest`."""
    specs = [at_size(spec_of(args, weights), size_of(args), args.round) for weights in map(weights_in, args.weights)]
    _check_distinct(specs)
    look_at(specs)
    return specs


def _detach(specs: Sequence[ExportSpec], at_once: int, *, as_json: bool) -> int:
    """Put jobs into the queue, and tell by which ids; the exit code. Raises `JobFailed`."""
    from ..core.jobs.queue import submit

    for spec in specs:
        job = submit(spec, at_once)
        if as_json:
            say_json({"id": job.id, "weights": str(spec.weights)})
        else:
            say(job.id)
        if job.reason:
            say_error(job.reason)
    return 0


@contextlib.contextmanager
def _ahead() -> Iterator[Worker | None]:
    """A worker that gets ready while the jobs are worked out; None if it does not start, which the first job tells."""
    try:
        worker = Worker(tied=True)
    except JobFailed:
        yield None
        return
    try:
        yield worker
    finally:
        worker.dismiss()


def run_jobs(specs: Sequence[ExportSpec], first: Worker | None = None, *, as_json: bool) -> int:
    """Do jobs one after the other; a failed one does not keep the next from running. The exit code of all.

    `first`: a worker for the first job, which is closed with it.
    """
    return combined([_do(spec, shown_as(as_json=as_json), None if done else first) for done, spec in enumerate(specs)])


def combined(codes: Sequence[int]) -> int:
    """The exit code of several jobs: that of those that failed, or 1 if they failed in different ways."""
    failures = {code for code in codes if code}
    return failures.pop() if len(failures) == 1 else int(bool(failures))


def spec_of(args: argparse.Namespace, weights: Path) -> ExportSpec:
    """The job that the arguments of `halfpint export` ask for. Raises `BadRequest`."""
    height, width = size_of(args) or (640, 640)
    values = values_of(args, rows())
    out = Path(values[OUT] or weights.parent).absolute()
    return ExportSpec.of(weights.absolute(), out, height, width, args.batch_size, values=values)


def at_size(spec: ExportSpec, size: tuple[int, int] | None, how: Rounding | None) -> ExportSpec:
    """The job at the size that was asked for, where the weights must be looked at to know it. Raises `BadRequest`.

    `size`: height and width, px, None for the weights' own; it is the spec's already. `how` it is rounded, if it is.
    """
    if size is not None and how is None:
        return spec
    from ..core.export.size import sized  # which knows all families: the worker starts before
    from ..core.inspect import facts_of

    try:
        return sized(spec, facts_of(spec.weights), size, how)
    except WeightsRefused:  # its job tells
        return spec


def _check_distinct(specs: Sequence[ExportSpec]) -> None:
    """Raises `BadRequest` if different weights would become the same file."""
    for first, other in same_files(specs):
        if first.weights != other.weights:
            both = f"{first.weights} and {other.weights}"
            raise BadRequest(f"{both} would both become {other.artifact_name}", "export them apart")


class Shown(Protocol):
    """A job's events on their way to standard output."""

    def begin(self, spec: ExportSpec) -> None: ...

    def show(self, event: Event) -> None: ...

    def close(self) -> None:
        """Nothing more happens; it may be called again."""
        ...

    def end(self) -> int:
        """Report on the job; its exit code."""
        ...


def shown_as(*, as_json: bool) -> Shown:
    """A line of JSON an event, or lines for people and a report."""
    return _Json() if as_json else _Lines()


class _Json:
    """One JSON line each."""

    def __init__(self) -> None:
        self._code = 1

    def begin(self, spec: ExportSpec) -> None:
        pass

    def show(self, event: Event) -> None:
        say(to_line(event))
        if isinstance(event, JobFinished):
            self._code = event.exit_code

    def close(self) -> None:
        pass

    def end(self) -> int:
        return self._code


class _Lines:
    """A line a stage, and a report."""

    def __init__(self) -> None:
        self._monitor = monitor()
        self._events: list[Event] = []

    def begin(self, spec: ExportSpec) -> None:
        say(f"{spec.weights.name} at {shape_in_words(spec)}")

    def show(self, event: Event) -> None:
        self._events.append(event)
        self._monitor.show(event)

    def close(self) -> None:
        self._monitor.close()

    def end(self) -> int:
        return report(self._events)


def _do(spec: ExportSpec, shown: Shown, worker: Worker | None) -> int:
    """Do a job in a worker that ends with this process, and show it; its exit code. `worker`: one that waits, if any.

    If a signal ends this process, or nobody reads its output any more, the job is cancelled first.
    """
    try:
        with worker or Worker(tied=True) as worker:
            worker.start(new_job(_placed(spec)))
            try:
                shown.begin(spec)
                for event in worker.follow():
                    shown.show(event)
            except (KeyboardInterrupt, OSError) as error:
                worker.cancel()
                _tell_of_cancelling(list(worker.follow()), shown, error)
                raise
    except JobFailed as error:
        shown.show(JobFinished(error.exit_code, 0.0, message=error.what, fix=error.fix))
    finally:
        with contextlib.suppress(OSError):
            shown.close()
    return shown.end()


def _placed(spec: ExportSpec) -> ExportSpec:
    """The job on one device, where it leaves a choice."""
    if one(spec.device) or spec.policy[CLUSTER]:
        return spec
    from ..core.jobs.room import placed  # which plans: a job whose device is said does not wait for that

    return placed(spec)


def _tell_of_cancelling(rest: Sequence[Event], shown: Shown, error: BaseException) -> None:
    """Show how a job ended that was cancelled, as far as there is somebody to see it."""
    done = any(isinstance(event, JobFinished) and event.exit_code == 0 for event in rest)
    told = "the job was done before it could be cancelled" if done else "cancelled; nothing half-written is left"
    if isinstance(error, BrokenPipeError):
        told = f"nobody reads the output any more: {told}"
    with contextlib.suppress(OSError):
        for event in rest:
            shown.show(event)
        shown.close()
    with contextlib.suppress(OSError):
        say_error(told)


def report(events: Sequence[Event]) -> int:
    """Print what came of a job; its exit code."""
    published = [event for event in events if isinstance(event, ArtifactPublished)]
    if published:
        rows = [("artifact", "size", "× checkpoint", "verdict", "off by")]
        for event in published:
            name, size, off = Path(event.path).name, megabytes(event.nbytes), in_noise(event.noise_multiple)
            rows.append((name, size, f"{event.ratio:.2f}", event.verdict.upper(), off))
        say()
        for line in table(rows):
            say(line)
        for event in published:
            say()
            say(Path(event.path).name)
            say_wrapped(event.headline, indent="  found    ")
            for line in event.trade:
                say(f"  {line}")
            for line in event.proof:
                say_wrapped(line, indent="           ")
            if event.pictures:
                say_wrapped(f"{', '.join(event.pictures)}: before and after, side by side", indent="  pictures ")
            say_wrapped(event.ledger, indent="  bytes    ")
            for warning in event.warnings:
                say_wrapped(warning, indent="  warning  ")
        say()
    for event in events:
        if isinstance(event, ArtifactFailed):
            say_error(f"{Path(event.path).name} was not published: {event.reason}", event.fix)
    finished = events[-1]
    assert isinstance(finished, JobFinished)
    if finished.manifest:
        say(f"manifest: {finished.manifest}")
    for line in _memory(events):
        say(line)
    if finished.message:
        say_error(finished.message, finished.fix)
    if not finished.exit_code:
        say(f"done in {finished.seconds:.1f} s")
    return finished.exit_code


def _memory(events: Sequence[Event]) -> list[str]:
    """What a job took of memory at its peak, next to what was predicted; nothing if it did not get that far."""
    predicted = [event for event in events if isinstance(event, MemoryPredicted)]
    measured = [event for event in events if isinstance(event, MemoryMeasured)]
    if not predicted or not measured:
        return []
    before, after = predicted[-1], measured[-1]
    foretold = about_mebibytes(before.host_low, before.host_high)
    told = [f"memory: {mebibytes(after.host)} at the peak; predicted: {foretold}"]
    if after.gpu_reserved:
        allocated = f"{mebibytes(after.gpu_allocated)} allocated ({mebibytes(before.gpu_allocated)} predicted)"
        reserved = f"{mebibytes(after.gpu_reserved)} reserved ({mebibytes(before.gpu_reserved)} predicted)"
        told.append(f"GPU memory in PyTorch: {allocated}, {reserved}")
    return told
