"""Fields to type into: numbers that leave every other key to their owner, texts that are never markup, and paths."""

from __future__ import annotations

import re
from pathlib import Path

from textual import events
from textual.message import Message
from textual.widgets import Input

from ..path_words import completed, is_path

_DIGITS = 5
# What Textual would set one by one after the first paint, each time computing the styles anew.
_CLASSES = "-textual-compact -valid"
_BETWEEN = "x×*, "  # what people write between height and width
_NUMBERS = re.compile(rf"\s*\d{{1,{_DIGITS}}}(?:\s*[{_BETWEEN}]\s*\d{{1,{_DIGITS}}})*\s*")


class NumberField(Input):
    """Digits, five at most. Keys that are no digit go on to the panel, where they are commands.

    Behind digits that were typed, `x` or a space leads to the next number, and several numbers may be pasted at once.
    """

    class Pasted(Message):
        """Numbers were pasted: for this field, and for those behind it."""

        def __init__(self, field: NumberField, numbers: tuple[int, ...]) -> None:
            super().__init__()
            self.field, self.numbers = field, numbers

    # Not `type="integer"`: its pattern takes seconds over a long pasted number.
    def __init__(self, value: str, *, id: str | None = None) -> None:
        super().__init__(
            value, restrict=rf"[0-9]{{0,{_DIGITS}}}", max_length=_DIGITS, id=id, classes=_CLASSES, compact=True
        )
        self.cursor_blink = False
        self.next: NumberField | None = None  # where `x` leads
        self._typed = False  # digits, since the field has the focus
        self._left = False  # for the next one; keys that came in a bunch are still on their way here

    @property
    def number(self) -> int | None:
        """What is typed; None for nothing."""
        return int(self.value) if self.value else None

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and (character in "0123456789" or (self._typed and character in _BETWEEN))

    def on_focus(self) -> None:
        self._typed = self._left = False

    def on_key(self, event: events.Key) -> None:
        if self._left and self.next is not None:
            event.stop()
            event.prevent_default()
            self.next.post_message(events.Key(event.key, event.character))  # a new one: this one is stopped
        elif event.is_printable and event.character is not None and event.character in "0123456789":
            self._typed = True
        elif event.is_printable:
            event.prevent_default()  # so that it bubbles to the panel
            if self._typed and self.next is not None and event.character is not None and event.character in _BETWEEN:
                event.stop()
                self._left = True
                self.screen.set_focus(self.next)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        if _NUMBERS.fullmatch(event.text):
            numbers = tuple(int(number) for number in re.findall(r"\d+", event.text))
            self.post_message(self.Pasted(self, numbers))


class TextField(Input):
    """A line of text."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, classes=_CLASSES, compact=True, select_on_focus=False)
        self.cursor_blink = False


class PathField(TextField):
    """A line of text that may be a path, which tab completes."""

    class Choices(Message):
        """A path may go on with any of these names."""

        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            self.names = names

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        id: str | None = None,
        suffixes: tuple[str, ...] | None = None,
        always: bool = False,
    ) -> None:
        """`suffixes`: of the files that are wanted; None for folders alone. `always`: whatever is typed is a path."""
        super().__init__(value, placeholder=placeholder, id=id)
        self._suffixes, self._always = suffixes, always
        self.start: Path | None = None  # what a path is relative to; None for the folder that the screen began in

    def complete(self) -> bool:
        """Complete the path that is typed; False if no path is typed or nothing can be said of it."""
        if not self.value or not (self._always or is_path(self.value)):
            return False
        text, names = completed(self.value, self.start or Path.cwd(), self._suffixes)
        if text == self.value and len(names) < 2:
            return False
        self.value = text
        self.cursor_position = len(text)
        if len(names) > 1:
            self.post_message(self.Choices(names))
        return True
