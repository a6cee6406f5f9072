"""A path in little room: what tells forty `best.pt` apart stays, its run and its name."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, set_cell_size

_SAME_EVERYWHERE = ("weights", "checkpoints")  # folders that each run has
_LEAST_OF_A_RUN = 3  # cells


def shortened(path: str, room: int) -> str:
    """The path in so many cells at most. Folders above the run go first, then the run's beginning, then the name's."""
    return next((form for form in _forms(path, room) if cell_len(form) <= room), set_cell_size(path, max(0, room)))


def _forms(path: str, room: int) -> Iterator[str]:
    """The ways to write a path, the longest first."""
    yield path
    *folders, name = path.split("/")
    run = next((at for at in reversed(range(len(folders))) if folders[at] not in _SAME_EVERYWHERE), -1)
    rest = f"/{name}" if run == len(folders) - 1 else f"/…/{name}"
    for first in range(run + 1):
        yield ("…/" if first else "") + "/".join(folders[first : run + 1]) + rest
    if run >= 0:
        left = room - cell_len(f"…{rest}")
        if left >= _LEAST_OF_A_RUN:
            yield f"…{folders[run][-left:]}{rest}"
        yield f"…/{name}"
    end = room // 2  # of the name: what it is a file of stands there
    yield f"{name[: room - end - 1]}…{name[-end:]}" if end else name


def below(path: str, start: str) -> str:
    """A path as it is called from a folder on, if it lies below it."""
    return path.removeprefix(f"{start.rstrip('/')}/")
