"""What the panels say the person chose: each of these changes the session."""

from __future__ import annotations

from textual.message import Message

from ..core.weights.discover import Candidate
from .choices import Choices, Size


class Highlighted(Message):
    """Another weights file is under the cursor, or none."""

    def __init__(self, candidate: Candidate | None) -> None:
        super().__init__()
        self.candidate = candidate


class Marked(Message):
    """A weights file is to be exported together with others, or no longer."""

    def __init__(self, candidate: Candidate) -> None:
        super().__init__()
        self.candidate = candidate


class SizeTyped(Message):
    """Another size is typed."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size


class OptionsChosen(Message):
    """Other options are chosen."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
