"""`halfpint export`: jobs without a screen. Each weights file is a job, in a worker process of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import BadRequest, Cancelled, WeightsRefused
from ..core.formats import Precision
from ..core.inspect import inspect
from ..core.jobs.events import (
    ArtifactFailed,
    ArtifactPublished,
    Event,
    JobFinished,
    MemoryMeasured,
    MemoryPredicted,
    to_line,
)
from ..core.jobs.launcher import Worker
from ..core.jobs.sizing import sized
from ..core.jobs.spec import ExportSpec, VerifyMode
from ..core.jobs.store import create
from ..core.units import mebibytes, megabytes
from .arguments import shape_in_words, size_of, weights_in
from .console import say, say_error, say_wrapped
from .progress import monitor
from .text import table


def export(args: argparse.Namespace) -> int:
    """Run `halfpint export`; its exit code."""
    for flag in ("data", "inplace"):
        if getattr(args, flag):
            say_error(f"note: --{flag} changes nothing here: names and layout come from the checkpoint")
    specs = [_sized(spec_of(args, weights), args) for weights in map(weights_in, args.weights)]
    _check_distinct(specs)
    return run_jobs(specs, as_json=args.json)


def run_jobs(specs: Sequence[ExportSpec], *, as_json: bool) -> int:
    """Do jobs one after the other; a failed one does not keep the next from running. The exit code of all."""
    codes: list[int] = []
    try:
        for spec in specs:
            codes.append(_follow_as_json(spec) if as_json else _follow(spec))
    except KeyboardInterrupt:
        say_error("cancelled; nothing half-written is left")
        return Cancelled.exit_code
    return combined(codes)


def combined(codes: Sequence[int]) -> int:
    """The exit code of several jobs: that of those that failed, or 1 if they failed in different ways."""
    failures = {code for code in codes if code}
    return failures.pop() if len(failures) == 1 else int(bool(failures))


def spec_of(args: argparse.Namespace, weights: Path) -> ExportSpec:
    """The job that the arguments of `halfpint export` ask for. Raises `BadRequest`."""
    height, width = size_of(args) or (640, 640)
    return ExportSpec(
        weights=weights.absolute(),
        out=(args.out or weights.parent).absolute(),
        height=height,
        width=width,
        batch=args.batch_size,
        formats=tuple(dict.fromkeys(args.include)),
        precisions=_precisions(args),
        dynamic=args.dynamic,
        opset=args.opset,
        half_io=args.half_io,
        simplify=args.simplify,
        device=args.device,
        name=args.name,
        overwrite=args.overwrite,
        verify=VerifyMode(args.verify),
        force=args.force,
    )


def _sized(spec: ExportSpec, args: argparse.Namespace) -> ExportSpec:
    """The job at the size that was asked for, where the weights must be looked at to know it."""
    if args.imgsz is not None and args.round is None:
        return spec
    try:
        return sized(spec, inspect(spec.weights).facts, size_of(args), args.round)
    except WeightsRefused:  # its job tells
        return spec


def _precisions(args: argparse.Namespace) -> tuple[Precision, ...]:
    """`--half` alone is `--precision fp16`, as in YOLOv5; beside `--precision` it must agree with it."""
    if args.precision is None:
        return (Precision.FP16,) if args.half else (Precision.FP32,)
    if args.half and Precision.FP16 not in args.precision:
        raise BadRequest("--half and --precision fp32 contradict each other", "leave out one of them")
    return tuple(dict.fromkeys(args.precision))


def _check_distinct(specs: Sequence[ExportSpec]) -> None:
    """Raises `BadRequest` if two jobs would write the same file."""
    seen: dict[Path, Path] = {}
    for spec in specs:
        other = seen.setdefault(spec.manifest, spec.weights)
        if other != spec.weights:
            raise BadRequest(f"{other} and {spec.weights} would both become {spec.artifact_name}", "export them apart")


def _follow_as_json(spec: ExportSpec) -> int:
    """Print the events of a job, one JSON line each; its exit code."""
    with Worker() as worker:
        worker.start(create(spec))
        code = 1
        for event in worker.follow():
            say(to_line(event))
            if isinstance(event, JobFinished):
                code = event.exit_code
    return code


def _follow(spec: ExportSpec) -> int:
    """Show a job as it runs and report on it; its exit code."""
    with Worker() as worker:
        worker.start(create(spec))
        say(f"{spec.weights.name} at {shape_in_words(spec)}")
        shown = monitor()
        events: list[Event] = []
        try:
            for event in worker.follow():
                shown.show(event)
                events.append(event)
        finally:
            shown.close()
    return report(events)


def report(events: Sequence[Event]) -> int:
    """Print what came of a job; its exit code."""
    published = [event for event in events if isinstance(event, ArtifactPublished)]
    if published:
        rows = [("artifact", "size", "× checkpoint", "verdict")]
        for event in published:
            rows.append((Path(event.path).name, megabytes(event.nbytes), f"{event.ratio:.2f}", event.verdict.upper()))
        say()
        for line in table(rows):
            say(line)
        for event in published:
            say()
            say(Path(event.path).name)
            say_wrapped(event.accuracy, indent="  found    ")
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
    if finished.exit_code:
        say_error(finished.message, finished.fix)
    else:
        say(f"done in {finished.seconds:.1f} s")
    return finished.exit_code


def _memory(events: Sequence[Event]) -> list[str]:
    """What a job took of memory at its peak, next to what was predicted; nothing if it did not get that far."""
    predicted = [event for event in events if isinstance(event, MemoryPredicted)]
    measured = [event for event in events if isinstance(event, MemoryMeasured)]
    if not predicted or not measured:
        return []
    before, after = predicted[-1], measured[-1]
    span = f"{mebibytes(before.host_low)} to {mebibytes(before.host_high)} predicted"
    told = [f"memory: {mebibytes(after.host)} at the peak, {span}"]
    if after.gpu_reserved:
        allocated = f"{mebibytes(after.gpu_allocated)} allocated ({mebibytes(before.gpu_allocated)} predicted)"
        reserved = f"{mebibytes(after.gpu_reserved)} reserved ({mebibytes(before.gpu_reserved)} predicted)"
        told.append(f"GPU memory in PyTorch: {allocated}, {reserved}")
    return told
