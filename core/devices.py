"""What the machine has and uses now: GPUs by NVML, memory by psutil, free disk. Every trouble is a sentence."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROCESSES = 3  # the largest ones are enough to see whom one would disturb


@dataclass(frozen=True)
class GpuProcess:
    """A process on a GPU; `nbytes` and `user` are None where the driver or the system does not tell."""

    pid: int
    nbytes: int | None
    user: str | None


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a slice of one, as NVML sees it now. Memory in bytes; what is not told is None.

    `index`: as CUDA counts, by PCI bus. `problem`: why nothing else is known, or an empty string.
    """

    index: int
    name: str
    used: int = 0
    total: int = 0
    utilisation: int | None = None  # percent
    temperature: int | None = None  # °C
    processes: tuple[GpuProcess, ...] = ()
    slice: str = ""  # "MIG 0", …
    problem: str = ""

    @property
    def free(self) -> int:
        """Bytes that nobody uses."""
        return self.total - self.used


@dataclass(frozen=True)
class GpuReport:
    """All GPUs, or the sentence that tells why there are none. `driver`: its version, if it is told."""

    gpus: tuple[Gpu, ...] = ()
    problem: str = ""
    driver: str = ""


@dataclass(frozen=True)
class HostMemory:
    """The machine's memory in bytes: all of it, and what a new process can have."""

    total: int
    available: int


class GpuSampler:
    """Asks NVML again and again. It starts no CUDA context, and never raises for what NVML says.

    `nvml`: the module pynvml, or one that behaves like it.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml
        self._ready = False
        self._names: dict[int, str] = {}  # of every GPU seen so far: a lost one is still shown
        self._users: dict[int, str | None] = {}

    def sample(self) -> GpuReport:
        """What NVML says now. The first call starts it, and so does every later one until it can be started."""
        try:
            nvml = self._start()
            count = nvml.nvmlDeviceGetCount()
            driver = _text(_or_none(nvml.nvmlSystemGetDriverVersion) or "")
        except Exception as error:  # NVML's errors, and those of loading its library
            self._ready = False
            return GpuReport(problem=_sentence(error))
        gpus: list[Gpu] = []
        for index in range(max(count, len(self._names))):
            gpus += self._gpu(nvml, index)
        problem = "" if gpus else "The NVIDIA driver is there, but it sees no GPU."
        return GpuReport(tuple(gpus), problem, driver)

    def close(self) -> None:
        """Let go of NVML."""
        if self._ready:
            self._ready = False
            try:
                self._nvml.nvmlShutdown()
            except Exception:  # it is gone already, and so are we
                return

    def _start(self) -> Any:
        if self._nvml is None:
            import pynvml

            self._nvml = pynvml
        if not self._ready:
            self._nvml.nvmlInit()
            self._ready = True
        return self._nvml

    def _gpu(self, nvml: Any, index: int) -> list[Gpu]:
        """The GPU of an index; its slices, if it is cut into some."""
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = _text(nvml.nvmlDeviceGetName(handle))
            self._names[index] = name
            slices = self._slices(nvml, handle, index, name)
            return slices or [self._facts(nvml, handle, index, name)]
        except Exception as error:  # NVML's errors: this one GPU is in trouble, the others may be fine
            return [Gpu(index, self._names.get(index, "GPU"), problem=_sentence(error))]

    def _slices(self, nvml: Any, handle: Any, index: int, name: str) -> list[Gpu]:
        mode = _or_none(nvml.nvmlDeviceGetMigMode, handle)
        if not mode or mode[0] != 1:
            return []
        found: list[Gpu] = []
        for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            part = _or_none(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)
            if part is not None:
                found.append(self._facts(nvml, part, index, name, f"MIG {number}"))
        return found or [Gpu(index, name, problem="It is in MIG mode and has no slice.")]

    def _facts(self, nvml: Any, handle: Any, index: int, name: str, slice: str = "") -> Gpu:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        rates = _or_none(nvml.nvmlDeviceGetUtilizationRates, handle)
        return Gpu(
            index=index,
            name=name,
            used=int(memory.used),
            total=int(memory.total),
            utilisation=None if rates is None else int(rates.gpu),
            temperature=_or_none(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            processes=self._processes(_or_none(nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []),
            slice=slice,
        )

    def _processes(self, found: list[Any]) -> tuple[GpuProcess, ...]:
        largest = sorted(found, key=lambda process: -(process.usedGpuMemory or 0))[:_PROCESSES]
        return tuple(GpuProcess(p.pid, p.usedGpuMemory, self._user(p.pid)) for p in largest)

    def _user(self, pid: int) -> str | None:
        if pid not in self._users:
            import psutil

            try:
                self._users[pid] = psutil.Process(pid).username()
            except (psutil.Error, KeyError, OSError):  # it ended, or lives in another container
                self._users[pid] = None
        return self._users[pid]


def host_memory() -> HostMemory:
    """The machine's memory now."""
    import psutil

    memory = psutil.virtual_memory()
    return HostMemory(memory.total, memory.available)


def free_disk(folder: Path) -> int | None:
    """Free bytes where `folder` is or would be made; None if that cannot be told."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _or_none(function: Any, *arguments: Any) -> Any:
    """What NVML answers, or None: not every GPU tells everything."""
    try:
        return function(*arguments)
    except Exception:  # NVML's errors are its own
        return None


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _sentence(error: Exception) -> str:
    """What an error of NVML means for the person."""
    kind = type(error).__name__.removeprefix("NVMLError_")
    match kind:
        case "LibraryNotFound":
            return "No NVIDIA driver is installed here: exports run on the CPU."
        case "DriverNotLoaded":
            return "The NVIDIA driver is not loaded (nvidia-smi would say so too): exports run on the CPU."
        case "LibRmVersionMismatch":
            return "The NVIDIA driver and its library differ in version: reboot, or reload the driver."
        case "NoPermission":
            return "NVML may not be read by this user: ask for access to /dev/nvidia*."
        case "GpuIsLost" | "NotFound" | "GpuNotFound" | "ResetRequired" | "InvalidArgument" | "Unknown":
            return "This GPU has disappeared: it fell off the bus, or was taken away."
        case "ModuleNotFoundError" | "ImportError":
            return "nvidia-ml-py is not installed: pip install nvidia-ml-py."
        case _:
            return f"NVML does not answer ({kind})."
