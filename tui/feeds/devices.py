"""What GPUs, memory and disk say, asked once a second in a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # imported by the thread: the screen is painted first
    from ...core.devices import GpuReport, GpuSampler, HostMemory
    from ...core.memory.overheads import Overheads

_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """What the machine said at one moment. `disk`: free bytes where artifacts go; None if it does not tell.

    `overheads`: what CUDA takes of each GPU that is well, by its index. `commands`: of the processes on GPUs, by their
    numbers, as far as the system tells them.
    """

    report: GpuReport
    memory: HostMemory
    disk: int | None
    overheads: Mapping[int, Overheads]
    commands: Mapping[int, str] = field(default_factory=dict[int, str])


class Sampled(Message):
    """The machine was asked."""

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        self.sample = sample


class DeviceWatch:
    """Asks the machine and posts what it says."""

    def __init__(self, post: Callable[[Message], object], sampler: GpuSampler | None, folder: Path) -> None:
        """`post`: takes messages from any thread. `sampler`: what to ask; None for NVML.

        `folder`: whose disk is watched; it may be changed at any time.
        """
        self._post = post
        self._sampler = sampler
        self._ended = Event()
        self.folder = folder
        self._overheads: dict[int, Overheads] = {}
        self._commands: dict[int, str] = {}

    def forget_overheads(self) -> None:
        """Read what CUDA takes again with the next sample: it was measured."""
        self._overheads = {}

    def start(self) -> None:
        """Begin to ask."""
        Thread(target=self._run, name="devices", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _run(self) -> None:
        from ...core.devices import GpuSampler, free_disk, host_memory

        sampler = self._sampler or GpuSampler()
        while not self._ended.is_set():
            report = sampler.sample()
            sample = Sample(report, host_memory(), free_disk(self.folder), self._known(report), self._named(report))
            if not self._ended.is_set():
                self._post(Sampled(sample))
            self._ended.wait(_SECONDS)
        sampler.close()

    def _named(self, report: GpuReport) -> Mapping[int, str]:
        """The commands of the processes on GPUs; each is looked up once."""
        there = {process.pid for gpu in report.gpus for process in gpu.processes}
        if there != self._commands.keys():
            known = self._commands
            self._commands = {pid: known[pid] if pid in known else command_of(pid) for pid in there}
        return self._commands

    def _known(self, report: GpuReport) -> Mapping[int, Overheads]:
        """The overheads of the GPUs that are well; each is looked up once."""
        from ...core.memory.overheads import overheads_of

        known = self._overheads
        for gpu in report.gpus:
            if gpu.index not in known and not gpu.problem:
                known = {**known, gpu.index: overheads_of(gpu.name, report.driver)}
        self._overheads = dict(known)
        return self._overheads


def command_of(pid: int) -> str:
    """The command line of a process; empty if the system does not tell it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:  # it is over, or this is no Linux
        return ""
