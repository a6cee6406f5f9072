"""Amounts as characters: a bar of parts, and a line of the past. Readable without colours."""

from __future__ import annotations

from collections.abc import Sequence

from .lines import Piece

_HEIGHTS = "▁▂▃▄▅▆▇█"


def bar(parts: Sequence[tuple[float, str, str]], total: float, width: int) -> tuple[Piece, ...]:
    """Parts of a whole, each an amount, the character that it is drawn with and its kind; the rest is dots.

    A part that is there at all has a cell, and what exceeds the whole is cut off.
    """
    pieces: list[Piece] = []
    drawn, sum_so_far = 0, 0.0
    for amount, char, kind in parts:
        sum_so_far += amount
        end = round(width * min(1.0, sum_so_far / total)) if total > 0 else 0
        if amount > 0:
            end = max(end, drawn + 1)
        end = min(end, width)
        pieces.append((char * (end - drawn), kind))
        drawn = end
    return (*pieces, ("·" * (width - drawn), "dim"))


def past(values: Sequence[float], most: float, width: int) -> str:
    """The last values as a line of blocks, the newest at its right; `most` is a full block."""
    shown = list(values)[-width:]
    blocks = [_HEIGHTS[min(7, max(0, int(8 * value / most)))] if most > 0 else _HEIGHTS[0] for value in shown]
    return "".join(blocks).rjust(width)
