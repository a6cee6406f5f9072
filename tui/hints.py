"""The two lines that tell the way: the keys that work here, and the panels that are out of sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .commands import Command
from .widgets.lines import Line


def key_line(commands: Iterable[Command], panel: str) -> Line:
    """The keys of the panel with the focus, and those that work everywhere."""
    told = [command for command in commands if command.footer]
    pieces: list[tuple[str, str]] = []
    for command in (*(c for c in told if c.panel == panel), *(c for c in told if not c.panel)):
        pieces += [(f" {command.shown}", "accent"), (f" {command.footer} ", f"@{command.clickable}")]
    return tuple(pieces)


def field_line(commands: Iterable[Command], panels: int) -> Line:
    """The keys that work while a text is typed: those that are no letter."""
    pieces: list[tuple[str, str]] = [(" esc", "accent"), (" Leave the field ", "@screen.leave"), (" tab", "accent")]
    pieces += [(" Next ", "@screen.next"), (f" F1–F{panels}", "accent"), (" Panels ", "")]
    for command in commands:
        if command.footer and not command.panel and command.shown.startswith("^"):
            pieces += [(f" {command.shown}", "accent"), (f" {command.footer} ", f"@{command.clickable}")]
    return tuple(pieces)


def tab_line(panels: Sequence[str], panel: str, shown: frozenset[str]) -> Line:
    """All panels with their numbers; those in sight are marked, the one with the focus is strong."""
    pieces: list[tuple[str, str]] = []
    for number, name in enumerate(panels, 1):
        text = f"{number} {name}"
        text = f"[{text}]" if name in shown else f" {text} "
        pieces.append((text, "strong" if name == panel else f"@screen.jump({name!r})"))
    return tuple(pieces)
