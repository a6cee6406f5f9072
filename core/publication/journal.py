"""What a publication is about to do, in one line: enough for anybody to undo it, or to finish it, after a crash."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

_VERSION = 1
_MOST_MOVES = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Move:
    """A file gets its name. All names are those of files in one folder.

    `draft`: the hidden name that it has so far. `earlier`: the hidden name under which the file that it replaces
    is kept meanwhile; empty if it replaces none. `sha256`: of the new file.
    """

    name: str
    draft: str
    sha256: str
    earlier: str = ""


@dataclass(frozen=True)
class Journal:
    """The moves of one job, in order. With the last one, everything counts as published.

    An artifact of several files has several moves; the manifest's is the last.
    """

    job: str
    moves: tuple[Move, ...]

    @property
    def switch(self) -> Move:
        """The last move."""
        return self.moves[-1]

    def to_line(self) -> str:
        """One line of ASCII, without a newline."""
        return json.dumps({"version": _VERSION, **asdict(self)})


def from_line(line: str, root: str) -> Journal:
    """The inverse of `Journal.to_line`. Raises `ValueError` for anything else.

    Whoever may write into the folder may have written the line: only files whose names begin with `root` and a
    dot, and hidden names of theirs, are taken from it.
    """
    try:
        values: Any = json.loads(line)
        if values["version"] != _VERSION:
            raise ValueError(f"a journal of version {values['version']!r}")
        moves = tuple(Move(**move) for move in values["moves"][:_MOST_MOVES])
        journal = Journal(str(values["job"]), moves)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a journal") from error
    if not moves or not all(_sound(move, root) for move in moves):
        raise ValueError("a journal that names other files")
    return journal


def hidden(name: str, token: str, suffix: str) -> str:
    """The hidden name of a file while it is made (`part`) or replaced (`old`); `token`: 8 hexadecimal digits."""
    return f".{name}.{token}.{suffix}"


def is_hidden(path: str, name: str, suffix: str) -> bool:
    """Whether a hidden name is one of `name`'s."""
    return re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.{suffix}", path, re.S) is not None


def is_draft(path: str, root: str) -> bool:
    """Whether a hidden name is that of a draft of `root`, or of a name that goes on after `root` and a dot."""
    return re.fullmatch(rf"\.{re.escape(root)}(\..+)?\.[0-9a-f]{{8}}\.part", path, re.S) is not None


def _sound(move: Move, root: str) -> bool:
    if not all(isinstance(value, str) for value in asdict(move).values()):
        return False
    own = move.name.startswith(f"{root}.") and "/" not in move.name and "\0" not in move.name
    kept = not move.earlier or is_hidden(move.earlier, move.name, "old")
    return own and kept and is_hidden(move.draft, move.name, "part") and bool(_SHA256.fullmatch(move.sha256))
