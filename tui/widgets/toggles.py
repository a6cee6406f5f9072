"""Choices in two columns: boxes to tick, and values to step through; one line painted for each that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ...core.text import escaped
from .lines import cut


@dataclass(frozen=True)
class Choice:
    """One choice: a key, a title, a line of help, and its value: ticked or not, or one of several."""

    key: str
    title: str
    help: str
    value: bool | str
    values: tuple[str, ...] = ()


class Toggles(Widget, can_focus=True):
    """A grid of choices, column by column. Space changes the one under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"toggles--on", "toggles--off", "toggles--cursor"}
    DEFAULT_CSS = """
    Toggles {
        height: auto;
        & > .toggles--on { text-style: bold; }
        & > .toggles--off { color: $text-muted; }
        & > .toggles--cursor { background: $block-cursor-blurred-background; color: $foreground; }
        &:focus > .toggles--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("left,h", "step(-1)", "Left", show=False),
        Binding("right,l", "step(1)", "Right", show=False),
        Binding("space,enter", "change(1)", "Change", show=False),
    ]
    COLUMNS = 2

    cursor: reactive[int] = reactive(0, repaint=False)

    class Changed(Message):
        """A choice has another value now."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    class Highlighted(Message):
        """The cursor stands on another choice."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, choices: Sequence[Choice], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = tuple(choices)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self._choices

    @property
    def current(self) -> Choice:
        return self._choices[self.cursor]

    @property
    def _height(self) -> int:
        return -(-len(self._choices) // self.COLUMNS)

    def show(self, choices: Sequence[Choice]) -> None:
        """Replace the values; only what differs is painted."""
        before, self._choices = self._choices, tuple(choices)
        for index, (old, new) in enumerate(zip(before, self._choices, strict=True)):
            if old != new:
                self._paint(index)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._height

    def watch_cursor(self, old: int, new: int) -> None:
        self._paint(old)
        self._paint(new)
        self.post_message(self.Highlighted(self.current))

    def _paint(self, index: int) -> None:
        self.refresh(Region(0, index % self._height, self.size.width, 1))

    def action_move(self, by: int) -> None:
        self.cursor = (self.cursor + by) % len(self._choices)

    def action_step(self, by: int) -> None:
        """Through the values of a choice that has several; to the other column otherwise."""
        if self.current.values:
            self.action_change(by)
        else:
            target = self.cursor + by * self._height
            if 0 <= target < len(self._choices):
                self.cursor = target

    def action_change(self, by: int) -> None:
        choice = self.current
        if choice.values:
            place = choice.values.index(str(choice.value)) if choice.value in choice.values else 0
            value: bool | str = choice.values[(place + by) % len(choice.values)]
        else:
            value = not choice.value
        changed = replace(choice, value=value)
        self._choices = tuple(changed if other is choice else other for other in self._choices)
        self._paint(self.cursor)
        self.post_message(self.Changed(changed))

    def on_click(self, event: events.Click) -> None:
        column = event.x * self.COLUMNS // max(1, self.size.width)
        index = column * self._height + event.y
        if 0 <= event.y < self._height and index < len(self._choices):
            self.cursor = index
            self.action_change(1)

    def render_line(self, y: int) -> Strip:
        width = self.size.width // self.COLUMNS
        segments = [
            self._cell(index, width) for index in range(y, len(self._choices), self._height) if y < self._height
        ]
        return Strip(segments).crop_extend(0, self.size.width, self.rich_style)

    def _cell(self, index: int, width: int) -> Segment:
        choice = self._choices[index]
        if choice.values:
            text, on = f"‹{choice.value}› {choice.title}", True
        else:
            text, on = f"[{'x' if choice.value else ' '}] {choice.title}", bool(choice.value)
        style = self.get_component_rich_style("toggles--on" if on else "toggles--off")
        if index == self.cursor:
            style = style + self.get_component_rich_style("toggles--cursor")
        return Segment(set_cell_size(cut(escaped(text), width - 1), width), style)
