"""The law for every file: what reads it ends with a result or an error of ours, within limits, and runs nothing.

`Confined` reads files in a process of its own, one after the other. There, each may take so much processor time and
memory as follows from its size, and Python itself tells (audit events) of whatever a file could have made it do.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from halfpint.cli.main import main as command
from halfpint.core import families
from halfpint.core.errors import HalfpintError
from halfpint.core.limits import ran_out_of_memory
from halfpint.core.weights_source import WeightsSource

# The goal for a file: processor seconds, and seconds a MB; bytes of memory, and so many times the file.
SECONDS, SECONDS_A_MB, NBYTES, COPIES = 2.0, 0.2, 200 * 2**20, 8
# A machine that does other work meanwhile takes so many times as long, and is not what is tested.
PATIENCE = 5
# Nothing that is read does one of these, apart from opening files to read them.
_FORBIDDEN = frozenset(
    [
        *("exec", "compile", "import", "code.__new__", "marshal.load", "marshal.loads", "pickle.find_class"),
        *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.kill", "subprocess.Popen", "pty.spawn"),
        *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown"),
        *("os.truncate", "os.utime", "os.setxattr", "os.putenv", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
        *("tempfile.mkstemp", "tempfile.mkdtemp", "mmap.__new__", "ctypes.dlopen", "ctypes.call_function"),
        *("socket.__new__", "socket.connect", "urllib.Request", "webbrowser.open"),
    ]
)


@dataclass(frozen=True)
class Outcome:
    """How reading a file ended: an exit code, and what was said.

    `seconds`: of processor time; `nbytes`: of memory at the peak, more than before. `broken`: which part of the law
    was broken; empty if none.
    """

    code: int
    text: str
    seconds: float
    nbytes: int
    broken: str = ""


class TooSlow(BaseException):
    """The time is over. No code that catches errors catches this one."""


class Watch:
    """What happens in this process while it is watched. Python keeps such a hook for ever, so one serves all."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._watching = False
        self._may: frozenset[str] = frozenset()
        sys.addaudithook(self._hear)

    @contextlib.contextmanager
    def watching(self, may: frozenset[str]) -> Iterator[None]:
        """`may`: what is allowed all the same."""
        self.seen.clear()
        self._may = may
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching or event in self._may:
            return
        if event == "open":
            mode, flags = args[1], args[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
                self.seen.append(f"open {args[0]!r} to write")
        elif event in _FORBIDDEN:
            self.seen.append(f"{event} {str(args)[:80]}")


def attempt(action: Callable[[], int], nbytes: int, watch: Watch, may: frozenset[str] = frozenset()) -> Outcome:
    """Do something with a file of so many bytes, within the limits for it.

    `action`: gives an exit code. `may`: what it may do of what is forbidden else.
    """
    seconds, memory = SECONDS + SECONDS_A_MB * nbytes / 1e6, NBYTES + COPIES * nbytes
    gc.collect()
    said = io.StringIO()
    code, broken = 1, ""
    before, start = _peak_from_now(), time.process_time()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), _limited(PATIENCE * seconds, memory):
        try:
            with watch.watching(may):
                code = action()
        except HalfpintError as error:
            code = error.exit_code
            said.write(str(error))
            broken = "memory" if ran_out_of_memory(error) else ""
        except TooSlow:
            broken = "time"
        except MemoryError:
            broken = "memory"
        except BaseException as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            broken = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {str(error)[:200]}"
    took, peak = time.process_time() - start, _peak() - before
    text = said.getvalue()
    broken = broken or _wrong(text, watch.seen, took > PATIENCE * seconds, peak > memory)
    return Outcome(code, text, took, peak, broken)


def _wrong(text: str, seen: list[str], slow: bool, large: bool) -> str:
    """What of the law an end without an exception broke."""
    if seen:
        return f"it did {seen[0]}"
    if "a fault of ours" in text or "Traceback" in text:
        return "nobody thought of it"
    if slow or large or "ulimit -v" in text:
        return "time" if slow else "memory"
    acts = next((char for char in text if not (char.isprintable() or char == "\n")), "")
    return f"it said {acts!r}" if acts else ""


@contextlib.contextmanager
def _limited(seconds: float, nbytes: int) -> Iterator[None]:
    """Within, so much processor time and memory more than now."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, over)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + nbytes, hard))
    # Native code does not hear the first signal; this one ends the process.
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + 2 * seconds + 2), resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _peak_from_now() -> int:
    """The bytes of memory that this process has; from here on, its peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


# ---- what is done with a weights file


def inspected(path: Path) -> int:
    """`halfpint inspect`."""
    return command(["inspect", str(path)])


def inspected_as_json(path: Path) -> int:
    """`halfpint inspect --json`."""
    return command(["inspect", str(path), "--json"])


def estimated(path: Path) -> int:
    """`halfpint estimate`."""
    return command(["estimate", str(path)])


def read(path: Path) -> int:
    """What an export reads: everything."""
    with WeightsSource(path) as source:
        for _ in source.load():
            pass
    return 0


ACTIONS: dict[str, Callable[[Path], int]] = {
    "inspect": inspected,
    "inspect --json": inspected_as_json,
    "estimate": estimated,
    "export": read,
}


# ---- the process


class Confined:
    """A process that reads files within limits. It is started anew if a file ends it. A context manager."""

    def __init__(self, warm: Path) -> None:
        """`warm`: a sound file of the kind; with it, everything is imported before anything is measured."""
        self._warm = warm
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def look(self, action: str, path: Path) -> Outcome:
        """How an action on a file ends."""
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([action, str(path)]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self._end()
            return Outcome(code, "", 0.0, 0, f"the process ended ({code})")
        return Outcome(**json.loads(line))

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "support.confined", str(self._warm)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process.wait()
            self._process = None


def load_the_rest() -> None:
    """Have Python import what is only imported where it is needed: codecs, what `Counter` sorts with, our families."""
    importlib.import_module("heapq")
    for family in Path(families.__file__).parent.glob("*/model.py"):
        importlib.import_module(f"{families.__name__}.{family.parent.name}.model")
    utf = (f"utf_{form}" for form in ("8_sig", "16", "16_be", "16_le", "32", "32_be", "32_le"))
    for codec in ("cp437", "unicode_escape", "raw_unicode_escape", *utf):
        codecs.lookup(codec)


def serve(warm: Path) -> None:
    """Read the files that standard input names, and tell how that ended."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    watch = Watch()
    load_the_rest()
    for action in ACTIONS.values():
        with contextlib.redirect_stdout(io.StringIO()):
            assert action(warm) == 0
    gc.collect()
    gc.freeze()  # what is there by now need not be looked at again and again
    for line in sys.stdin:
        name, path = json.loads(line)
        file = Path(path)
        nbytes = file.stat().st_size if file.is_file() else 0
        outcome = attempt(lambda: ACTIONS[name](file), nbytes, watch)  # noqa: B023
        answers.write(json.dumps(asdict(outcome)) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
