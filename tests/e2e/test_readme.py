"""What the README tells of measurements is what `benchmarks/results/` holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_its_measured_tables_are_those_of_the_results() -> None:
    command = [sys.executable, ROOT / "benchmarks" / "readme.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
