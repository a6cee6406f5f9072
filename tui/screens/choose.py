"""A question with a few answers, over the main screen: each has a key, and the arrows work too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from ..widgets.border import bordered
from ..widgets.lines import Lines, plain
from ..widgets.listing import Column, Listing, Row


@dataclass(frozen=True)
class Answer:
    """An answer: the key that gives it, the value it stands for, and its words."""

    key: str
    value: str
    text: str


class Choose(ModalScreen[str | None]):
    """Returns the value of the answer, or None."""

    BINDINGS: ClassVar = [Binding("escape,q", "close", "Close", show=False)]
    DEFAULT_CSS = """
    Choose {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 76; height: auto; max-height: 90%;
            border: round $border; padding: 0 1; background: $surface;
        }
        Lines { height: auto; max-height: 8; margin-bottom: 1; }
        Listing { height: auto; max-height: 14; }
    }
    """

    def __init__(self, title: str, question: str, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._title, self._question, self._answers = title, question, tuple(answers)

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = bordered(self._title)
        box.border_subtitle = "enter chooses · esc closes"
        with box:
            yield Lines(wrap=True)
            yield Listing((Column("key", 4), Column("", 0)))

    def on_mount(self) -> None:
        self.query_one(Lines).show([plain(self._question)])
        listing = self.query_one(Listing)
        listing.show([Row(answer.value, (answer.key, answer.text)) for answer in self._answers])
        listing.focus()

    def on_key(self, event: events.Key) -> None:
        for answer in self._answers:
            if event.character == answer.key:
                event.stop()
                self.dismiss(answer.value)
                return

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        self.dismiss(event.row.key)

    @on(Listing.Highlighted)
    @on(Listing.Scrolled)
    def _moved(self, event: Listing.Highlighted | Listing.Scrolled) -> None:
        event.stop()

    def action_close(self) -> None:
        self.dismiss(None)
