"""The two lines that tell the way: the keys that work here, and the panels that are out of sight."""

from __future__ import annotations

from .commands import COMMANDS, PANELS
from .widgets.lines import Line


def key_line(panel: str) -> Line:
    """The keys of the panel with the focus, and those that work everywhere."""
    pieces: list[tuple[str, str]] = []
    own = [c for c in COMMANDS if c.panel == panel and c.footer]
    for command in (*own, *(c for c in COMMANDS if not c.panel and c.footer)):
        pieces += [(f" {command.shown}", "accent"), (f" {command.footer} ", f"@{command.clickable}")]
    return tuple(pieces)


def tab_line(panel: str, shown: frozenset[str]) -> Line:
    """All panels with their numbers; those in sight are marked, the one with the focus is strong."""
    pieces: list[tuple[str, str]] = []
    for number, name in enumerate(PANELS, 1):
        text = f"{number} {name}"
        text = f"[{text}]" if name in shown else f" {text} "
        pieces.append((text, "strong" if name == panel else f"@screen.jump({name!r})"))
    return tuple(pieces)
