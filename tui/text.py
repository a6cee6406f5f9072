"""Lines of text for a terminal, whatever it can show: plain ones to standard output, complaints to standard error."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TextIO

# For terminals and pipes that are not UTF-8.
_ASCII = str.maketrans({"×": "x", "→": "->", "·": "-", "–": "-", "≤": "<=", "—": "-", "…": "...", "²": "^2"})


def say(text: str = "", *, file: TextIO | None = None) -> None:
    """Print a line; characters that the stream cannot encode are spelled in ASCII."""
    stream = file or sys.stdout
    encoding = stream.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    print(text, file=stream, flush=True)


def say_wrapped(text: str, indent: str) -> None:
    """Print a text behind `indent`; on a terminal, in lines that fit, all beginning at the same column."""
    if sys.stdout.isatty():
        width = max(40, shutil.get_terminal_size().columns)
        text = textwrap.fill(text, width - len(indent)).replace("\n", "\n" + " " * len(indent))
    say(indent + text)


def say_error(what: str, fix: str = "") -> None:
    """Print what went wrong, and what to do about it, to standard error."""
    say(f"halfpint: {what}", file=sys.stderr)
    if fix:
        say(f"  {fix}", file=sys.stderr)


def table(rows: list[tuple[str, ...]], indent: str = "") -> list[str]:
    """Rows as lines, with columns as wide as they need to be."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def from_home(path: Path) -> str:
    """A path for people: what lies in their home folder begins with `~/`."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


def unmarked(text: str) -> str:
    """A text as the titles of borders take it: none of it is markup."""
    return text.replace("[", r"\[")
