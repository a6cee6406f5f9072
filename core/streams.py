"""The way out of a process: standard output and standard error, on which nothing leaves unescaped, whoever writes."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast

from .text import escaped_lines

# For terminals and pipes that are not UTF-8; what else they cannot encode is spelled `\u4e2d`.
_ASCII = str.maketrans({"×": "x", "→": "->", "·": "-", "–": "-", "≤": "<=", "—": "-", "…": "...", "²": "^2"})


class Guarded:
    """A text stream that escapes what is written to it, line by line: prints, warnings, tracebacks, argparse's help.

    It is no terminal to those who ask, so that no library colours what it writes here; `raw` is the stream itself,
    for who must draw on it.
    """

    def __init__(self, stream: TextIO) -> None:
        self.raw = stream

    def write(self, text: str) -> int:
        self.raw.write(self._encodable(escaped_lines(text)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        return False

    def _encodable(self, text: str) -> str:
        encoding = self.raw.encoding or "ascii"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def guarded(stream: TextIO) -> TextIO:
    """The stream, guarded; one that is already is returned as it is."""
    return stream if isinstance(stream, Guarded) else cast(TextIO, Guarded(stream))


def raw(stream: TextIO) -> TextIO:
    """The stream behind a guard: who writes to it answers for what is written."""
    return stream.raw if isinstance(stream, Guarded) else stream


def guard() -> None:
    """Guard this process's standard output and standard error, as far as they are open, from now until its end."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is not None:
            setattr(sys, name, guarded(stream))


def on_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal."""
    return stream is not None and raw(stream).isatty()
