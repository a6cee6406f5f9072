"""GPUs for a whole command: a folder with a module pynvml in it, which the command imports in place of the real one."""

from __future__ import annotations

import os
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def environment_with(folder: Path, *free: int, total: int = 24 * 2**30) -> dict[str, str]:
    """The environment of a command that sees a GPU for each figure of free memory (bytes)."""
    gpus = ", ".join(f"FakeGpu(used={total - nbytes}, total={total})" for nbytes in free)
    (folder / "pynvml.py").write_text(
        f"from support.nvml import FakeGpu, FakeNvml\n"
        f"fake = FakeNvml({gpus})\n"
        f"def __getattr__(name): return getattr(fake, name)\n"
    )
    path = os.pathsep.join(filter(None, (str(folder), str(_TESTS), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}
