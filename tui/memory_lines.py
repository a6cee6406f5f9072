"""The GPU panel in lines: every GPU and the host, what others use, what is predicted, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.memory.estimate import JobFit
from ..core.memory.fit import MemoryFit, fit_in
from ..core.memory.run import gpu_need
from ..core.memory.snapshot import gpu_memory
from ..core.options import DEVICE
from ..core.units import about_mebibytes, mebibytes, seconds_in_words
from .fit_kinds import FIT_KINDS
from .widgets.bars import bar, past
from .widgets.lines import Line, Piece, cut, plain

if TYPE_CHECKING:
    from ..core.devices import Gpu, GpuProcess
    from .feeds.devices import Sample
    from .feeds.estimator import Largest
    from .session import JobMemory, Session

_BAR, _BESIDE = 12, 32  # cells of a bar at least, and of the words beside it

_WITH_COMMANDS = 60  # cells of a panel that has room for the commands of processes
_PROCESS_ORDERS: Mapping[str, Callable[[GpuProcess], Any]] = {
    "memory": lambda process: -(process.nbytes or 0),
    "user": lambda process: (process.user or "", process.pid),
    "number": lambda process: process.pid,
}
ORDERS = tuple(_PROCESS_ORDERS)  # of the processes on a GPU
SAMPLES_A_CELL = 5  # of the line of the past, at a sample a second


@dataclass(frozen=True)
class _View:
    """What is shown: the session, the device that is chosen, whether the job fits, and the past of every device."""

    session: Session
    sample: Sample
    device: str
    fit: JobFit | None
    histories: Mapping[str, Sequence[float]]
    width: int
    order: str

    @property
    def names(self) -> int:
        """Cells that the longest name of a GPU takes, with what stands before and behind it."""
        return max((len(_called(gpu)) for gpu in self.sample.report.gpus), default=0) + 6

    @property
    def bar(self) -> int:
        return max(_BAR, self.width - _BESIDE)


def lines(
    session: Session, histories: Mapping[str, Sequence[float]], width: int = 0, order: str = "memory"
) -> list[Line]:
    """The panel, in so many cells. `histories`: used shares of the last minutes by device (`cpu`, or an index), oldest
    first. `order`: of the processes, one of `ORDERS`.
    """
    if session.sample is None:
        return []
    fit = session.plan.fit if session.plan else None
    view = _View(session, session.sample, session.choices[DEVICE], fit, histories, width, order)
    told: list[Line] = []
    report = view.sample.report
    if report.problem:
        told.append(plain(report.problem, "dim"))
    for gpu in report.gpus:
        told += _gpu(view, gpu)
    told += _host(view)
    if fit is not None:
        told += _terms(fit)
    if session.largest is not None:
        told.append(_largest(session.largest))
    if session.jobs.memory is not None and (said := job_memory(session.jobs.memory)):
        told.append(plain(said, "accent"))
    return told


def _gpu(view: _View, gpu: Gpu) -> list[Line]:
    chosen = str(gpu.index) == view.device
    head = (f"{'>' if chosen else ' '} {gpu.index} {_called(gpu)}  ", "accent" if chosen else "")
    if gpu.problem:
        return [(head, (gpu.problem, "error"))]
    figures = [f"{gpu.used / 2**30:.1f}/{gpu.total / 2**30:.1f} GiB used"]
    figures += [f"{gpu.utilisation} %"] if gpu.utilisation is not None else []
    figures += [f"{gpu.temperature} °C"] if gpu.temperature is not None else []
    words = "  ".join(figures)
    room = min(view.names, view.width - len(words)) if view.width else view.names  # a name gives way to the figures
    told: list[Line] = [((cut(head[0].rstrip(), room - 1).ljust(room), head[1]), (words, ""))]
    found = _on_gpu(view, gpu, chosen)
    if found is not None:
        told.append(_bar_line(gpu.used, gpu.total, found, view.bar))
    if chosen:
        told += _history(view, str(gpu.index))
    processes = sorted(gpu.processes, key=_PROCESS_ORDERS[view.order])
    if processes and view.width < _WITH_COMMANDS:
        told.append(plain("    " + ", ".join(map(_process, processes)), "dim"))
    for process in processes if view.width >= _WITH_COMMANDS else ():
        command = view.sample.commands.get(process.pid, "")
        told.append(plain(cut(f"    {_process(process):<28} {command}".rstrip(), view.width), "dim"))
    return told


def _called(gpu: Gpu) -> str:
    name = gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ")
    return f"{name} {gpu.slice}" if gpu.slice else name


def _on_gpu(view: _View, gpu: Gpu, chosen: bool) -> MemoryFit | None:
    """Whether the job would fit there: the same quantity on all GPUs. Of a job on the CPU, running what it exports."""
    if chosen and view.fit is not None and view.fit.gpu is not None:
        return view.fit.gpu
    plan = view.session.plan
    if plan is None or plan.needs is None:
        return None
    need = plan.needs.gpu or gpu_need(plan.needs.largest_run, view.session.overheads(gpu.index))
    return fit_in(need, gpu_memory(str(gpu.index), view.sample.report))


def _host(view: _View) -> list[Line]:
    memory = view.sample.memory
    chosen = view.device == "cpu"
    head = ("> CPU " if chosen else "  CPU ", "accent" if chosen else "")
    told: list[Line] = [(head, (f"{mebibytes(memory.available)} of {mebibytes(memory.total)} RAM available", ""))]
    if view.fit is not None:
        told.append(_bar_line(memory.total - memory.available, memory.total, view.fit.host, view.bar))
    if chosen:
        told += _history(view, "cpu")
    if view.sample.disk is not None:
        told.append(plain(f"  disk {view.sample.disk / 1e9:,.1f} GB free where the artifacts go"))
    return told


def _bar_line(used: int, total: int, found: MemoryFit, width: int) -> Line:
    """Used by others | predicted | free, and the verdict."""
    need = int(found.need.high)
    told = str(found.need).partition(",")[0] if found.need.spread else mebibytes(need)
    kind = FIT_KINDS[found.fit]
    parts: list[tuple[float, str, str]] = [(used, "█", "dim"), (need, "▒", kind)]
    amount: Piece = (f" ▒ {told}", "")
    return (("  ", ""), *bar(parts, total, width), (f" {found.fit}", kind), amount)


def _history(view: _View, device: str) -> list[Line]:
    values = view.histories.get(device, ())
    return [plain(f"  {past(values, 1.0, view.bar)} in use, {_span(values)}", "dim")] if len(values) > 1 else []


def _span(values: Sequence[float]) -> str:
    """How long ago the first of them was."""
    return seconds_in_words(len(values) * SAMPLES_A_CELL)


def _terms(fit: JobFit) -> list[Line]:
    """What the need of the job is made of, where it runs."""
    decisive = fit.gpu or fit.host
    told: list[Line] = [plain(f"▒ predicted for {decisive.memory.name}:", "dim")]
    for term in decisive.need.terms:
        low, high = int(term.low), int(term.high)
        if high:
            amount = mebibytes(high) if low == high else f"{mebibytes(low)}–{mebibytes(high)}"
            amount = amount if low else f"up to {mebibytes(high)}"
            note = f", {term.note}" if term.note else ""
            told.append(((f"  {amount} ", ""), (f"{term.name}{note}", "dim")))
        else:
            told.append(plain(f"  {term.name}: {term.note}", "dim"))
    return told


def _largest(largest: Largest) -> Line:
    batch = f"batch {largest.batch}" if largest.batch else "no batch"
    square = f"{largest.square}×{largest.square}" if largest.square else "no square"
    return plain(f"largest that fits: {batch} at this size; {square} at this batch")


def job_memory(memory: JobMemory) -> str:
    """What the last job was predicted to need, and what it took so far."""
    parts: list[str] = []
    if memory.predicted is not None:
        parts.append(f"predicted {about_mebibytes(memory.predicted.host_low, memory.predicted.host_high)}")
    if memory.measured is not None:
        gpu = f", {mebibytes(memory.measured.gpu_reserved)} on the GPU" if memory.measured.gpu_reserved else ""
        parts.append(f"measured {mebibytes(memory.measured.host)}{gpu}")
    return f"job #{memory.job}: {', '.join(parts)}{' at its peak' if memory.over else ''}" if parts else ""


def _process(process: GpuProcess) -> str:
    nbytes = mebibytes(process.nbytes) if process.nbytes is not None else "?"
    return f"{nbytes} {process.user or 'pid'} {process.pid}"
