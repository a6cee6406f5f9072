"""What a network becomes: a folder for each target, what they share, and the registry of all: ours and others'."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..plugins import plugins

if TYPE_CHECKING:
    from .target import Target

ENTRY_POINTS = "halfpint.targets"  # the group under which a package names a `Target` class
_DEFAULT = "onnx"  # what is made where nothing else is asked for


@cache
def targets() -> tuple[Target, ...]:
    """All targets, by name."""
    return plugins(ENTRY_POINTS)[0]


def broken_targets() -> tuple[str, ...]:
    """For each target that cannot be used: its name and why."""
    return plugins(ENTRY_POINTS)[1]


def named(name: str) -> Target:
    """The target of a name. Raises `ValueError` for one that is not known."""
    for target in targets():
        if target.name == name:
            return target
    broken = "".join(f"; {target} cannot be used" for target in broken_targets())
    raise ValueError(f"{name!r} is no target{broken}")


def recognised(head: bytes) -> Target:
    """The target that a file belongs to, by its first bytes; the default one if no other knows it."""
    return next((target for target in targets() if target.recognises(head)), default_target())


def default_target() -> Target:
    """What is made where nothing else is asked for."""
    return named(_DEFAULT)
