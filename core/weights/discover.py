"""Find weights and exported files below a folder, as they are found: breadth first, no link followed in circles."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
_SKIPPED = frozenset(("site-packages", "node_modules", "__pycache__", "proc", "sys", "dev", "snap"))
_FOLDERS_A_STEP = 50


@dataclass(frozen=True)
class Candidate:
    """A file that may hold weights, or was exported: its bytes, and when it was changed (seconds since 1970)."""

    path: Path
    nbytes: int
    modified: float


@dataclass(frozen=True)
class Step:
    """A part of a search: what was found since the last one, and how many folders have been looked at."""

    found: tuple[Candidate, ...]
    folders: int
    exported: tuple[Candidate, ...] = ()


def discover(start: Path, exported: Sequence[tuple[str, ...]] = ()) -> Iterator[Step]:
    """Search below `start`, a step every few dozen folders. Hidden folders, those of packages, and folders that
    cannot be read are passed over; a folder that is reached twice (by a link, or a mount of itself) is read once.

    `bin` files count only if they are called as ModelScope and PyTorch call weights. `exported`: the suffixes of the
    files of one artifact, for each kind of them; what lacks one of its files is none.
    """
    waiting = deque([start])
    seen: set[tuple[int, int]] = set()
    found: list[Candidate] = []
    artifacts: list[Candidate] = []
    first = tuple(suffixes[0] for suffixes in exported)
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
                    if entry.name.endswith(first):
                        _keep_whole(entry, exported, artifacts)
                    else:
                        _sort(entry, waiting, found)
        except OSError:
            continue
        folders += 1
        if folders % _FOLDERS_A_STEP == 0:
            yield Step(tuple(found), folders, tuple(artifacts))
            found.clear()
            artifacts.clear()
    yield Step(tuple(found), folders, tuple(artifacts))


def _keep_whole(entry: os.DirEntry[str], exported: Sequence[tuple[str, ...]], artifacts: list[Candidate]) -> None:
    """Keep an exported file, all of whose files are there. The sizes are added up."""
    for first, *others in exported:
        if not entry.name.endswith(first) or entry.name.startswith("."):
            continue
        try:
            status = entry.stat()
            nbytes = status.st_size + sum(
                Path(entry.path.removesuffix(first) + other).stat().st_size for other in others
            )
        except OSError:
            continue
        artifacts.append(Candidate(Path(entry.path), nbytes, status.st_mtime))
        return


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
