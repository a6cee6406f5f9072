"""The two lines that tell the way: the keys that work here, and the panels that are out of sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from .commands import Command
from .widgets.lines import Line, Piece

_ALWAYS = ("help", "export")  # what is told even where there is little room


def key_line(commands: Iterable[Command], panel: str, width: int) -> Line:
    """The keys of the panel with the focus, and those that work everywhere; as many as there is room for."""
    told = [command for command in commands if command.footer and command.panel in ("", panel)]
    told.sort(key=lambda command: not command.panel)  # a panel's own come first
    return _fitting([_key(command) for command in told], [command.action in _ALWAYS for command in told], width)


def field_line(commands: Iterable[Command], panels: int, width: int) -> Line:
    """The keys that work while a text is typed: those that are no letter."""
    keys: list[tuple[Piece, Piece]] = [
        ((" esc", "accent"), (" Leave the field ", "@screen.leave")),
        ((" tab", "accent"), (" Next ", "@screen.next")),
        ((f" F1–F{panels}", "accent"), (" Panels ", "")),
    ]
    everywhere = [command for command in commands if command.footer and not command.panel]
    keys += [_key(command) for command in everywhere if command.shown.startswith("^")]
    return _fitting(keys, [number < 3 for number in range(len(keys))], width)


def _key(command: Command) -> tuple[Piece, Piece]:
    return ((f" {command.shown}", "accent"), (f" {command.footer} ", f"@{command.clickable}"))


def _fitting(keys: Sequence[tuple[Piece, Piece]], always: Sequence[bool], width: int) -> Line:
    """As many of the keys as fit, in their order; those that are always told first of all."""
    lengths = [sum(cell_len(text) for text, _ in key) for key in keys]
    left = width - sum(length for length, must in zip(lengths, always, strict=True) if must)
    kept: list[tuple[Piece, Piece]] = []
    for key, length, must in zip(keys, lengths, always, strict=True):
        if must or length <= left:
            kept.append(key)
            left -= 0 if must else length
    return tuple(piece for key in kept for piece in key)


def tab_line(panels: Sequence[str], panel: str, shown: frozenset[str]) -> Line:
    """All panels with their numbers; those in sight are marked, the one with the focus is strong."""
    pieces: list[Piece] = []
    for number, name in enumerate(panels, 1):
        text = f"{number} {name}"
        text = f"[{text}]" if name in shown else f" {text} "
        pieces.append((text, "strong" if name == panel else f"@screen.jump({name!r})"))
    return tuple(pieces)
