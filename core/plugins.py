"""What other packages bring: objects that they name by entry points, and modules that are imported ahead of need."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


@cache
def plugins(group: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """An object of each class that the group names, by name; and for each one that cannot be used, its name and why."""
    made: list[Any] = []
    broken: list[str] = []
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            made.append(point.load()())
        except Exception as error:  # another's code: its failure must not become ours
            broken.append(f"{point.name} ({point.value}: {type(error).__name__}: {error})")
    return tuple(made), tuple(broken)


def import_ahead(*modules: str) -> None:
    """Import what will be needed. Whoever needs a module that cannot be imported reports it then."""
    for module in modules:
        with contextlib.suppress(Exception):
            import_module(module)
