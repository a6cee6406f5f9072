"""The words in the border of a widget."""

from __future__ import annotations

from textual.content import Content

from ...core.text import escaped


def bordered(text: str) -> Content:
    """A text as `border_title` and `border_subtitle` take it: escaped, and none of it is markup."""
    return Content(escaped(text))
