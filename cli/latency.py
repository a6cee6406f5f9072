"""`python -P -m halfpint.cli.latency FILE`: how fast an exported file answers, told line by line.

A process of its own: it runs the file's runtime, and may be ended at any time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..core.errors import HalfpintError
from ..core.foreign.bench import bench
from .console import say


def main() -> int:
    """Tell it on standard output; the exit code."""
    try:
        for line in bench(Path(sys.argv[1])):
            say(line)
    except HalfpintError as error:
        say(str(error))
        return error.exit_code
    except Exception as error:  # a runtime says whatever it says of a file that it does not take
        say(f"it could not be run: {error}"[:400])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
