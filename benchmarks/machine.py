"""The machine that figures were taken on, in words, and the environment in which they are taken."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from halfpint.core.version import VERSION


def describe() -> dict[str, str]:
    """Processor, cores, memory, and the versions that matter."""
    versions = {name: version(name) for name in ("numpy", "onnx", "onnxruntime", "torch")}
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "halfpint": VERSION,
        **versions,
    }


def user_environment() -> dict[str, str]:
    """This process's environment, in which Python keeps what it compiles, as it does on a user's machine.

    Containers often tell it not to. Then each process compiles the sources of a checkout anew, ours and a peer's.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as info:
            return next(line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
