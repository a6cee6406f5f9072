"""Find weights below a folder, as they are found: breadth first, without following links in circles."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
_SKIPPED = frozenset(("site-packages", "node_modules", "__pycache__", "proc", "sys", "dev", "snap"))
_FOLDERS_A_STEP = 50


@dataclass(frozen=True)
class Candidate:
    """A file that may hold weights: its size in bytes and the time it was changed (seconds since 1970)."""

    path: Path
    nbytes: int
    modified: float


@dataclass(frozen=True)
class Step:
    """A part of a search: what was found since the last one, and how many folders have been looked at."""

    found: tuple[Candidate, ...]
    folders: int


def discover(start: Path) -> Iterator[Step]:
    """Search below `start`, a step every few dozen folders. Hidden folders, those of packages, and folders that
    cannot be read are passed over; a folder that is reached twice (by a link, or a mount of itself) is read once.

    `bin` files count only if they are called as ModelScope and PyTorch call weights.
    """
    waiting = deque([start])
    seen: set[tuple[int, int]] = set()
    found: list[Candidate] = []
    folders = 0
    while waiting:
        folder = waiting.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    _sort(entry, waiting, found)
        except OSError:
            continue
        folders += 1
        if folders % _FOLDERS_A_STEP == 0:
            yield Step(tuple(found), folders)
            found.clear()
    yield Step(tuple(found), folders)


def _sort(entry: os.DirEntry[str], waiting: deque[Path], found: list[Candidate]) -> None:
    """Put an entry where it belongs: among the folders to be read, the candidates, or nowhere."""
    name = entry.name
    if name.startswith("."):
        return
    try:
        if entry.is_dir():
            if name not in _SKIPPED:
                waiting.append(Path(entry.path))
        elif name.endswith(SUFFIXES) and (not name.endswith(".bin") or name.startswith("pytorch_model")):
            status = entry.stat()
            found.append(Candidate(Path(entry.path), status.st_size, status.st_mtime))
    except OSError:  # it went away, or its link leads nowhere
        return
