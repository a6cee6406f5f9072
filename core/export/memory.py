"""The memory of a job as events: predicted when it begins, measured as it goes."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..events import MemoryMeasured, MemoryPredicted
from ..memory.estimate import JobFit, JobNeeds


def predicted(needs: JobNeeds, found: JobFit) -> MemoryPredicted:
    """What a job needs and whether it fits, as an event."""
    host, gpu = found.host.need, found.gpu
    event = MemoryPredicted(int(host.low), int(host.high), str(found.fit))
    if gpu is None:
        return event
    largest = needs.largest_run
    return replace(
        event,
        gpu_low=int(gpu.need.low),
        gpu_high=int(gpu.need.high),
        gpu_allocated=largest.peak_allocated_nbytes,
        gpu_reserved=largest.peak_reserved_nbytes,
    )


@dataclass
class _Highest:
    """The highest figure so far: the system's own can fall by some pages when memory is given back."""

    nbytes: int = 0


_highest = _Highest()


def measured() -> MemoryMeasured:
    """The peaks of this process so far."""
    _highest.nbytes = max(_highest.nbytes, peak_resident())
    return MemoryMeasured(_highest.nbytes, *_gpu_peaks())


def peak_resident() -> int:
    """The peak of this process's resident memory, in bytes."""
    # Linux hands ru_maxrss on from the process that started this one; VmHWM is this one's own.
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _gpu_peaks() -> tuple[int, int]:
    """Bytes that torch allocated and reserved at most on any GPU, if it is imported and uses one."""
    torch: Any = sys.modules.get("torch")
    cuda: Any = getattr(torch, "cuda", None)  # a thread may be importing it just now
    if not hasattr(cuda, "is_initialized") or not cuda.is_initialized():
        return 0, 0
    devices = range(cuda.device_count())
    return (
        max(cuda.max_memory_allocated(index) for index in devices),
        max(cuda.max_memory_reserved(index) for index in devices),
    )
