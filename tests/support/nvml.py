"""A fake of the module pynvml: as many GPUs as wanted, which may fail, be cut into slices, or disappear."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

GIB = 2**30


class NVMLError(Exception):
    """What every error of NVML is."""


class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801  named as NVML names it
    """No driver."""


class NVMLError_LibRmVersionMismatch(NVMLError):  # noqa: N801
    """The kernel's part of the driver is another than the library."""


class NVMLError_GpuIsLost(NVMLError):  # noqa: N801
    """The GPU fell off the bus."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801
    """This GPU does not tell."""


@dataclass
class FakeGpu:
    """A GPU as the test wants it; memory in bytes. `slices`: (used, total) of each MIG slice."""

    name: str = "NVIDIA RTX 4090"
    used: int = 2 * GIB
    total: int = 24 * GIB
    lost: bool = False
    silent: bool = False  # tells neither temperature, utilisation nor processes
    processes: list[tuple[int, int | None]] = field(default_factory=list[tuple[int, int | None]])
    slices: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


class FakeNvml:
    """Behaves like the module, as far as Halfpint asks it."""

    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *gpus: FakeGpu, error: Exception | None = None) -> None:
        self.gpus = list(gpus)
        self.error = error
        self.inits = 0

    def nvmlInit(self) -> None:  # noqa: N802  named as in pynvml, like all that follow
        if self.error is not None:
            raise self.error
        self.inits += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.inits -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "575.57.08"

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        if index >= len(self.gpus) or self.gpus[index].lost:
            raise NVMLError_GpuIsLost
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> str:  # noqa: N802
        return gpu.name

    def nvmlDeviceGetMigMode(self, gpu: FakeGpu) -> list[int]:  # noqa: N802
        return [int(bool(gpu.slices))] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: FakeGpu) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: FakeGpu, number: int) -> FakeGpu:  # noqa: N802
        if number >= len(gpu.slices):
            raise NVMLError_NotSupported
        used, total = gpu.slices[number]
        return FakeGpu(gpu.name, used, total, silent=True)

    def nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu) -> Any:  # noqa: N802
        return SimpleNamespace(used=gpu.used, total=gpu.total, free=gpu.total - gpu.used)

    def nvmlDeviceGetUtilizationRates(self, gpu: FakeGpu) -> Any:  # noqa: N802
        self._speak(gpu)
        return SimpleNamespace(gpu=37, memory=12)

    def nvmlDeviceGetTemperature(self, gpu: FakeGpu, sensor: int) -> int:  # noqa: N802
        self._speak(gpu)
        return 54

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> list[Any]:  # noqa: N802
        self._speak(gpu)
        return [SimpleNamespace(pid=pid, usedGpuMemory=nbytes) for pid, nbytes in gpu.processes]

    def _speak(self, gpu: FakeGpu) -> None:
        if gpu.silent:
            raise NVMLError_NotSupported
