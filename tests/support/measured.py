"""The installed `halfpint` command with its time and memory, those of the processes it started included."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from support.command import HALFPINT

# A process of its own starts the command: what it measures would begin with this one's memory otherwise.
_LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
text = process.stdout.read().decode(errors="replace")
_, status, used = os.wait4(process.pid, 0)
seconds = used.ru_utime + used.ru_stime
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss * 1024, text]))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended. `seconds`: of processor time; `nbytes`: of memory, of its largest process; `text`: said."""

    code: int
    seconds: float
    nbytes: int
    text: str


def measured(*arguments: object) -> Ended:
    """Run the command to its end."""
    command = [sys.executable, "-c", _LAUNCHER, str(HALFPINT), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return Ended(*json.loads(result.stdout))
