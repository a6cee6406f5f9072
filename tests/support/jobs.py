"""Jobs run in the test's own process, and what they leave."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from halfpint.core.errors import JobFailed
from halfpint.core.events import Event, JobFinished, MemoryPredicted, StageFinished
from halfpint.core.export.pipeline import run
from halfpint.core.export.source import LoadedWeights
from halfpint.core.jobs.cancellation import Cancellation
from halfpint.core.jobs.launcher import Worker
from halfpint.core.jobs.store import EventReader, create
from halfpint.core.jobs.worker import work
from halfpint.core.options import VerifyMode
from halfpint.core.precisions import FLOATS, FP16
from halfpint.core.shapes import InputShape
from halfpint.core.spec import ExportSpec
from halfpint.core.weights_source import WeightsSource
from support.targets import BOTH, ONNX

E = TypeVar("E")


def done(spec: ExportSpec) -> list[Event]:
    """All events of a job, the last of which tells its end."""
    return done_with(spec, lambda _: None)


def done_with(spec: ExportSpec, heard: Callable[[Event], object]) -> list[Event]:
    """As `done`; `heard` is called with each event when it is told."""
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        heard(event)

    run(spec, emit)
    assert isinstance(events[-1], JobFinished)
    assert sum(isinstance(event, JobFinished) for event in events) == 1
    return events


def done_when(spec: ExportSpec, stage: str, action: Callable[[], object]) -> list[Event]:
    """As `done`; `action` happens at the end of the job's first stage of that name."""
    waiting = [action]

    def heard(event: Event) -> None:
        if waiting and isinstance(event, StageFinished) and event.stage == stage:
            waiting.pop()()

    return done_with(spec, heard)


def done_apart(spec: ExportSpec) -> list[Event]:
    """As `done`, in a process of its own: torch numbers the classes that it traces, process by process."""
    with Worker() as worker:
        worker.start(create(spec))
        return list(worker.follow())


def end_of(events: list[Event]) -> JobFinished:
    last = events[-1]
    assert isinstance(last, JobFinished)
    return last


def of(events: list[Event], kind: type[E]) -> list[E]:
    """The events of one type."""
    return [event for event in events if isinstance(event, kind)]


def manifest_of(spec: ExportSpec) -> dict[str, Any]:
    return json.loads(spec.manifest.read_text())


def small(weights: Path, out: Path, **more: Any) -> ExportSpec:
    """A quick job: a small size, both precisions of ONNX."""
    asked = {"height": 96, "width": 64, "targets": (ONNX,), "precisions": FLOATS, **more}
    return ExportSpec.of(weights, out, **asked)


def loaded(path: Path, spec: ExportSpec) -> LoadedWeights:
    """The weights of a job, as its worker has them once they are read."""
    with WeightsSource(path) as source:
        assert sum(1 for _ in source.load())
    shape = InputShape(spec.batch, source.network.channels, spec.height, spec.width)
    return LoadedWeights(source.info, source.network, source.sha256, shape, MemoryPredicted(0, 0))


def golden_specs(weights: Path, folder: Path) -> Iterator[tuple[str, ExportSpec]]:
    """The jobs whose artifacts are recorded: every format and precision, static and dynamic, with FP16 ports."""
    both = {"height": 128, "width": 64, "verify": VerifyMode.QUICK}
    yield "static", small(weights, folder / "static", **both, targets=BOTH)
    yield "dynamic", small(weights, folder / "dynamic", **both, dynamic=True)
    if weights.stem in ("master-n", "resnet18"):  # they are the same in all
        half_io = {**both, "targets": BOTH, "precisions": (FP16,), "half_io": True, "opset": 13}
        yield "FP16 ports, opset 13", small(weights, folder / "half_io", **half_io)


def assert_listed(folder: Path) -> None:
    """What a job leaves, whatever happens: the files of a folder are those that its manifests list, as listed."""
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    listed = {name: data for name, data in there.items() if name.endswith(".halfpint.json")}
    entries = [entry for data in listed.values() for entry in json.loads(data)["artifacts"]]
    assert {entry["file"] for entry in entries} == set(there) - set(listed)
    for entry in entries:
        assert hashlib.sha256(there[entry["file"]]).hexdigest() == entry["sha256"], entry["file"]


def names(folder: Path) -> Iterator[str]:
    return iter(sorted(path.name for path in folder.iterdir()))


def work_through(spec: ExportSpec) -> None:
    """Do a job as its worker does, in its folder. Raises `JobFailed` if it failed."""
    job = create(spec)
    if work(job, Cancellation()):
        with contextlib.closing(EventReader(job)) as reader:
            messages = [event.message for event in reader.new() if isinstance(event, JobFinished)]
        assert not any("internal error" in message for message in messages), messages
        raise JobFailed(" ".join(messages))
