"""Fields to type into: a number that leaves every other key to its owner, and a text that is never markup."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

_DIGITS = 5
# What Textual would set one by one after the first paint, each time computing the styles anew.
_CLASSES = "-textual-compact -valid"


class NumberField(Input):
    """Digits, five at most. Keys that are no digit go on to the panel, where they are commands."""

    # Not `type="integer"`: its pattern takes seconds over a long pasted number.
    def __init__(self, value: str, *, id: str | None = None) -> None:
        super().__init__(
            value, restrict=rf"[0-9]{{0,{_DIGITS}}}", max_length=_DIGITS, id=id, classes=_CLASSES, compact=True
        )
        self.cursor_blink = False

    @property
    def number(self) -> int | None:
        """What is typed; None for nothing."""
        return int(self.value) if self.value else None

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and character in "0123456789"

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and not self.check_consume_key(event.key, event.character):
            event.prevent_default()  # so that it bubbles to the panel


class TextField(Input):
    """A line of text."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=_CLASSES, compact=True, select_on_focus=False)
        self.cursor_blink = False
