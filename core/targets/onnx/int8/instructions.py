"""Which instructions this machine's CPU has, as the system tells."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def cpu_flags(source: Path = _CPUINFO) -> frozenset[str] | None:
    """The flags of the first CPU; None where the system does not tell."""
    try:
        lines = source.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith("flags")), None)
    return frozenset(line.partition(":")[2].split()) if line is not None else None
