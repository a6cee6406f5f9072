"""What packages bring by entry points: objects of a group, made once, and what is wrong with those that do not load."""

from __future__ import annotations

from functools import cache
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
