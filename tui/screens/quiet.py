"""A screen that does not paint itself anew whenever the focus moves."""

from __future__ import annotations

from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget


class QuietScreen(Screen[None]):
    """As a `Screen`; a move of the focus paints the two widgets that it concerns, not all cells (20 kB)."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
