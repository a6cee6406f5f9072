"""The installed `halfpint` command, run as a person would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HALFPINT = Path(sys.executable).parent / "halfpint"


def halfpint(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; output is captured as text."""
    command = [str(HALFPINT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)  # pyright: ignore


def export(weights: object, out: object, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`halfpint export` at a small size."""
    return halfpint("export", "--weights", weights, "--out", out, "--imgsz", 96, 64, *arguments)
