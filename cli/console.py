"""The subcommands' way to the person: lines on standard output, complaints on standard error, a live bar, JSON.

Every line is escaped here. Nothing else in the command writes to these streams.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from typing import Any, TextIO

from ..core.streams import guarded, on_terminal, raw
from ..core.tables import Coloured
from ..core.text import brief, escaped, to_json

_LONGEST = 10_000  # characters of a line: a path of Linux (4096 bytes), escaped, and a sentence around it
_BAR_TEXT = 60  # characters on either side of a bar


def say(line: str = "", *, file: TextIO | None = None) -> None:
    """Print a line, to standard output if no other stream is given. A newline in it is shown, not made."""
    _print(brief(escaped(line), _LONGEST), file or sys.stdout)


def say_wrapped(text: str, indent: str) -> None:
    """Print a text behind `indent`; on a terminal, in lines that fit, all beginning at the same column."""
    lines = [escaped(text)]
    if on_terminal(sys.stdout):
        lines = textwrap.wrap(lines[0], max(40, shutil.get_terminal_size().columns) - len(indent)) or lines
    for line in lines:
        say(indent + line)
        indent = " " * len(indent)


def say_error(what: str, fix: str = "") -> None:
    """Print what went wrong, and what to do about it, to standard error."""
    say(f"halfpint: {what}", file=sys.stderr)
    if fix:
        say(f"  {fix}", file=sys.stderr)


def say_json(value: Any) -> None:
    """Print a value as JSON, for people too: indented, in ASCII."""
    _print(to_json(value, indent=2), sys.stdout)


def say_coloured(line: Coloured, *, file: TextIO) -> None:
    """Print a line in colours if the stream is a terminal, and the person did not ask for none (NO_COLOR)."""
    stream = raw(file)
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        say("".join(text for text, _ in line), file=file)
        return
    pieces = [(escaped(text), colour) for text, colour in line]
    print("".join(f"\033[{c}m{text}\033[0m" if c else text for text, c in pieces), file=stream, flush=True)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is not None:  # it was closed by who started us
        print(text, file=guarded(stream), flush=True)


def discard(stream: TextIO | None) -> None:
    """Let what is written to a stream from now on go nowhere, also what it holds back: its other end is gone."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, raw(stream).fileno())
            os.close(nowhere)


class Bar:
    """Lines on standard output, which is a terminal, and below them a bar for what runs."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(file=raw(sys.stdout), highlight=False, markup=False)
        self._progress = Progress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[step]}", markup=False),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # they are guarded; rich would write what is printed meanwhile as it is
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None, step="", visible=False)
        self._progress.start()

    def show(self, what: str, done: int = 0, total: int = 1, step: str = "") -> None:
        """Show the bar: so many of `total` steps of `what` are done, `step` was the last."""
        what, step = (brief(escaped(text), _BAR_TEXT) for text in (what, step))
        self._progress.update(self._task, description=what, completed=done, total=total, step=step, visible=True)

    def hide(self) -> None:
        """Show no bar until the next `show`."""
        self._progress.update(self._task, visible=False)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(brief(escaped(line), _LONGEST), soft_wrap=True)

    def close(self) -> None:
        """End; the bar goes, the lines stay."""
        self._progress.stop()
