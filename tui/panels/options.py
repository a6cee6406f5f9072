"""The options panel: targets, precisions and all else that makes a job, a key each and a line of help."""

from __future__ import annotations

from functools import reduce
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from ...core.option import Device, FilePath, Number, OneOf, Option, SomeOf, Switch, Text
from ...core.options import DEVICE, OUT, rows
from ..choices import Choices
from ..layout import Column, Page
from ..lessons import TWICE
from ..messages import OptionsChosen
from ..session import Session
from ..widgets.fields import PathField, TextField
from ..widgets.lines import Lines, plain
from ..widgets.toggles import Choice, Toggles
from .panel import Panel

_IMAGES = (".txt", ".yaml", ".yml", ".npz")  # what may stand for a folder of images


class OptionsPanel(Panel):
    """Toggles, and two fields for folder and name."""

    NAME = "options"
    TITLE = "Options"
    COLUMN, PAGE = Column.RIGHT, Page.INPUT
    HELP = (
        "What the job makes. The arrow keys move, space changes a value; the last line tells what the option under "
        "the cursor does. Every target is made in every precision. FP16 files keep FP32 input and outputs, unless "
        "FP16 I/O is on."
    )
    LESSONS = (TWICE,)
    DEFAULT_CSS = """
    OptionsPanel {
        height: auto;
        Horizontal { height: 1; }
        Horizontal Static { width: 7; color: $text-muted; }
        TextField { width: 1fr; background: $boost; padding: 0 1; }
        #option-help { height: 1; }
    }
    """

    def __init__(self, number: int, session: Session) -> None:
        super().__init__(number, session)
        self._choices = session.choices

    def compose(self) -> ComposeResult:
        yield Toggles(_toggles(self._choices, self.session.devices), id="toggles")
        for row in _fields():
            with Horizontal():
                yield Static(row.title, markup=False)
                yield _field(row, self._choices[row])
        yield Lines(id="option-help")

    def on_mount(self) -> None:
        self._help(self.query_one(Toggles).current.help)

    @property
    def target(self) -> Widget:
        return self.query_one(Toggles)

    @property
    def chosen(self) -> Choices:
        """What is chosen at this moment, whatever messages of it are still on their way."""
        chosen = self._choices
        for row in _fields():
            chosen = chosen.having(row, self.query_one(f"#{row.name}", TextField).value)
        return reduce(changed, self.query_one(Toggles).choices, chosen)

    def parts(self, session: Session) -> tuple[object, ...]:
        return (session.choices, session.devices)

    def show(self) -> None:
        self._choices = self.session.choices
        self.query_one(Toggles).show(_toggles(self._choices, self.session.devices))

    def choose_device(self, device: str) -> None:
        """Choose a device, as the toggle would."""
        self._choices = self._choices.having(DEVICE, device)
        self.post_message(OptionsChosen(self._choices))

    def _help(self, text: str) -> None:
        self.query_one("#option-help", Lines).show([plain(text, "dim")])

    @on(Toggles.Changed)
    def _toggled(self, event: Toggles.Changed) -> None:
        event.stop()
        self._choices = changed(self._choices, event.choice)
        self.query_one(Toggles).show(_toggles(self._choices, self.session.devices))
        self.post_message(OptionsChosen(self._choices))

    @on(Toggles.Highlighted)
    def _moved(self, event: Toggles.Highlighted) -> None:
        event.stop()
        self._help(event.choice.help)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        row = next(row for row in _fields() if row.name == event.input.id)
        self._choices = self._choices.having(row, event.value)
        self.post_message(OptionsChosen(self._choices))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def on_descendant_focus(self) -> None:
        focused = self.screen.focused
        typed = {row.name: row for row in _fields()}
        if focused is not None and focused.id in typed:
            self._help(typed[focused.id].help)
        else:
            self._help(self.query_one(Toggles).current.help)


def _toggles(choices: Choices, devices: tuple[str, ...]) -> list[Choice]:
    return [toggle for row in _shown() for toggle in _toggles_of(row, choices, devices)]


def _toggles_of(row: Option[Any], choices: Choices, devices: tuple[str, ...]) -> list[Choice]:
    """An option as toggles: one, or one for each value of which several may be chosen. A text is a field instead."""
    value = choices[row]
    match row.kind:
        case Switch():
            return [Choice(row.name, row.title, row.help, value)]
        case SomeOf() as kind:
            chosen = kind.plain(value)
            return [
                Choice(f"{row.name}:{item.spelling}", item.title, item.help, item.spelling in chosen)
                for item in kind.choices.all
            ]
        case OneOf() as kind:
            spellings = tuple(item.spelling for item in kind.choices.all)
            return [Choice(row.name, row.title, row.help, str(value), spellings)]
        case Number() as kind:
            return [Choice(row.name, row.title, row.help, str(value), tuple(map(str, kind.range)))]
        case Device():
            known = devices if value in devices else (*devices, value)
            return [Choice(row.name, row.title, row.help, value, known)]
        case _:
            return []


def changed(choices: Choices, toggle: Choice) -> Choices:
    """The choices, with one of the toggles as it is now."""
    name, _, spelling = toggle.key.partition(":")
    row = next(row for row in rows() if row.name == name)
    match row.kind:
        case SomeOf() as kind:
            return choices.having(row, kind.toggled(choices[row], spelling, bool(toggle.value)))
        case Number():
            return choices.having(row, int(toggle.value))
        case _:
            return choices.having(row, row.kind.value(toggle.value))


def _shown() -> list[Option[Any]]:
    return [row for row in rows() if row.shown]


def _placeholder(row: Option[str]) -> str:
    return row.kind.placeholder if isinstance(row.kind, Text) else ""


def _field(row: Option[str], value: str) -> TextField:
    """A field to type an option into; paths are completed."""
    if row is OUT:
        return PathField(value, placeholder=_placeholder(row), id=row.name, always=True)
    if isinstance(row.kind, FilePath):
        return PathField(value, placeholder=_placeholder(row), id=row.name, suffixes=_IMAGES, always=True)
    return TextField(value, placeholder=_placeholder(row), id=row.name)


def _fields() -> list[Option[str]]:
    """The options that are typed."""
    return [row for row in _shown() if isinstance(row.kind, Text)]
