"""A path as it is typed: whether it is one at all, and how far it can be completed."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

_MOST = 10_000  # entries of a folder that are looked at


def is_path(text: str) -> bool:
    """Whether a text in the filter is meant as a path: it begins as one does."""
    return text.startswith(("/", "~", "./", "../"))


def completed(text: str, start: Path, suffixes: tuple[str, ...] | None = None) -> tuple[str, tuple[str, ...]]:
    """The text as far as the names on the disk leave no choice, and the names that it may go on with.

    `start`: what the path is relative to. `suffixes`: the endings of the files that are wanted; None for folders alone.
    """
    head, _, typed = text.rpartition("/")
    folder = start / Path(f"{head}/" if "/" in text else "").expanduser()
    try:
        with os.scandir(folder) as entries:
            names = sorted(_named(entry) for entry in islice(entries, _MOST) if _wanted(entry, typed, suffixes))
    except (OSError, RuntimeError):  # no such folder, or nobody of that name
        return text, ()
    if not names:
        return text, ()
    first, last = names[0], names[-1]  # they are sorted: what these two share, all do
    differs = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    shared = first[: next(differs, len(first))]
    return f"{head}/{shared}" if "/" in text else shared, tuple(names)


def _wanted(entry: os.DirEntry[str], typed: str, suffixes: tuple[str, ...] | None) -> bool:
    if not entry.name.startswith(typed) or (entry.name.startswith(".") and not typed):
        return False
    return entry.is_dir() or (suffixes is not None and entry.name.endswith(suffixes))


def _named(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if entry.is_dir() else entry.name
