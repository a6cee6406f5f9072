"""Text from untrusted files and file names: what of it may reach a terminal, and how the rest is spelled."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

# More marks than these on one letter are not writing but a smear over the lines around it (UTS #39, section 5.4).
_MOST_MARKS = 4
# Printable by Python's measure, but drawn as nothing or as a space: Unicode's Default_Ignorable_Code_Point as far as
# it is not of the categories that `str.isprintable` knows, and the empty pattern of Braille.
_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Ranges without marks and invisible characters: text of these alone is decided at once.
_DOUBTFUL = re.compile(
    r"[^ -~\u00a0-\u02ff\u0370-\u0482\u2010-\u205f\u2190-\u27ff\u2900-\u2bff\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff"
    r"\uac00-\ud7a3]"
)


def escaped(text: str) -> str:
    """`text` as one line that does nothing to a terminal: what would act, hide or reorder is spelled as Python does.

    That is `\\n`, `\\x1b`, `\\x9b`, `\\u202e`, `\\udce9`: control characters, those of format and direction, line and
    paragraph separators, lone surrogates (the bytes of a file name that is not UTF-8), spaces other than U+0020,
    unassigned and invisible characters, and marks that pile up.
    """
    return respelled(text, _as_python)


def escaped_lines(text: str) -> str:
    """`text` with each of its lines escaped; the newlines between them stay."""
    return "\n".join(map(escaped, text.split("\n")))


def respelled(text: str, spell: Callable[[str], str]) -> str:
    """`text` with each character that `escaped` speaks of as `spell` spells it."""
    if text.isprintable() and (text.isascii() or not _doubtful(text)):
        return text
    marks = 0
    spelled: list[str] = []
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        shown = char.isprintable() and not _INVISIBLE.match(char) and marks <= _MOST_MARKS
        spelled.append(char if shown else spell(char))
    return "".join(spelled)


@lru_cache(1024)
def _doubtful(text: str) -> bool:
    return _DOUBTFUL.search(text) is not None


def _as_python(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def brief(text: str, limit: int = 80) -> str:
    """The first `limit` characters of a text at most; where it was cut, it ends in dots."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON in ASCII alone: whatever is in the strings, any stream takes it and no terminal acts on it.

    Lone surrogates are `\\udc80` and the like, and `json.loads` gives them back: file names survive the way.
    """
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def in_utf8(text: str) -> str:
    """`text` as it is, apart from lone surrogates, which UTF-8 cannot hold: these are spelled `\\udce9`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
