"""An option of a job as a row: its name, its flag, its values, what it means. All that shows options reads rows.

The parser of the command, `Copy as command`, the screen's toggles, the settings and JSON are made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Part(StrEnum):
    """What an option decides: what is made, where it goes, or how the job behaves."""

    RECIPE = "recipe"
    DESTINATION = "destination"
    POLICY = "policy"


class Kind(Protocol[T_co]):
    """The values that an option can have, and how they are spelled."""

    def plain(self, value: Any) -> Any:
        """A value as JSON and TOML have it: a bool, a number, a string or a list of strings."""
        ...

    def value(self, plain: Any) -> T_co:
        """The inverse. Raises `ValueError` for what is no value of the option."""
        ...


class _Plain(Generic[T]):
    """Values that are spelled as they are. `TYPE`: what they are; `WRONG`: what anything else is told to be."""

    TYPE: type[T]
    WRONG: str

    def plain(self, value: T) -> T:
        return value

    def value(self, plain: Any) -> T:
        if type(plain) is not self.TYPE:  # True is an int, and no number
            raise ValueError(f"{plain!r:.40} is {self.WRONG}")
        return cast("T", plain)


@dataclass(frozen=True)
class Switch(_Plain[bool]):
    """On or off."""

    TYPE, WRONG = bool, "neither true nor false"


@dataclass(frozen=True)
class Number(_Plain[int]):
    """A whole number of a range."""

    TYPE, WRONG = int, "no whole number"
    range: range


@dataclass(frozen=True)
class Decimal(_Plain[float]):
    """A number with a fraction, from `least` to `most`."""

    TYPE, WRONG = float, "no number"
    least: float
    most: float

    def value(self, plain: Any) -> float:
        return super().value(float(plain) if type(plain) is int else plain)


@dataclass(frozen=True)
class Text(_Plain[str]):
    """Any text. `placeholder`: what its field shows while it is empty."""

    TYPE, WRONG = str, "no text"
    placeholder: str = ""


@dataclass(frozen=True)
class FilePath(Text):
    """A path, empty for none. In a spec it is absolute: a job's process may be somewhere else."""


@dataclass(frozen=True)
class Device(_Plain[str]):
    """`cpu`, or the index of a GPU; the screen offers those that are there."""

    TYPE, WRONG = str, "no device"


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One of the values that may be chosen: how it is spelled, its title, and a line of help."""

    value: T
    title: str
    help: str

    @property
    def spelling(self) -> str:
        return str(self.value)


class Choices(Generic[T]):
    """The values that may be chosen, looked up when they are asked for: packages may bring more of them."""

    def __init__(self, known: Callable[[], Iterable[Choice[T]]]) -> None:
        self._known = known

    @cached_property
    def all(self) -> tuple[Choice[T], ...]:
        return tuple(self._known())

    def named(self, spelling: Any) -> T:
        """Raises `ValueError` for what is none of them."""
        for choice in self.all:
            if choice.spelling == spelling:
                return choice.value
        raise ValueError(f"{spelling!r:.40} is none of {', '.join(choice.spelling for choice in self.all)}")


@dataclass(frozen=True)
class OneOf(Generic[T]):
    """One of several values."""

    choices: Choices[T]

    def plain(self, value: T) -> str:
        return str(value)

    def value(self, plain: Any) -> T:
        return self.choices.named(plain)


@dataclass(frozen=True)
class SomeOf(Generic[T]):
    """Several of the values that may be chosen, in the order that was asked for."""

    choices: Choices[T]

    def plain(self, value: tuple[T, ...]) -> list[str]:
        return [str(item) for item in value]

    def value(self, plain: Any) -> tuple[T, ...]:
        if not isinstance(plain, list | tuple):
            raise ValueError(f"{plain!r:.40} is no list")
        items = cast("Sequence[Any]", plain)
        return tuple(self.choices.named(item) for item in items)

    def toggled(self, chosen: tuple[T, ...], spelling: str, on: bool) -> tuple[T, ...]:
        """What is chosen, with one more or less, in the order of the choices."""
        return tuple(
            choice.value
            for choice in self.choices.all
            if (on if choice.spelling == spelling else choice.value in chosen)
        )


@dataclass(frozen=True, eq=False)
class Option(Generic[T]):
    """A row. `name`: in JSON and settings; `flags`: on the command line, the first one written by `Copy as command`.

    `formerly`: names it had. `title`: on the screen. `help`: one line, for `--help` and the screen. `precisions`:
    the names of those that it concerns, if it does not concern all; a target names the rows that are there for it.
    `remembered`: from one time that the screen is opened to the next. `shown`: whether the screen has it.
    `shorthands`: flags that stand for a value, each with its spelling. `serves`: the switch without which it means
    nothing.
    """

    name: str
    kind: Kind[T]
    default: T
    part: Part
    help: str
    title: str = ""
    flags: tuple[str, ...] = ()
    metavar: str = ""
    formerly: tuple[str, ...] = ()
    precisions: frozenset[str] | None = None
    remembered: bool = True
    shown: bool = True
    shorthands: Mapping[str, str] = field(default_factory=dict[str, str])
    serves: Option[Any] | None = None

    @property
    def spellings(self) -> tuple[str, ...]:
        """The flags of the command line."""
        return self.flags or (f"--{self.name.replace('_', '-')}",)

    @property
    def flag(self) -> str:
        return self.spellings[0]


@dataclass(frozen=True)
class Values:
    """The values of options. What is not given has its default. Two that say the same are equal."""

    given: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __getitem__(self, option: Option[T]) -> T:
        return self.given.get(option.name, option.default)

    def __hash__(self) -> int:
        return hash(frozenset(self.given.items()))

    def having(self, option: Option[T], value: T) -> Values:
        """The same, with one option as it is now."""
        rest = {name: kept for name, kept in self.given.items() if name != option.name}
        return Values(rest if value == option.default else {**rest, option.name: value})

    def of(self, options: Iterable[Option[Any]]) -> Values:
        """Those of some options alone."""
        names = {option.name for option in options}
        return Values({name: value for name, value in self.given.items() if name in names})

    def plain(self, options: Iterable[Option[Any]]) -> dict[str, Any]:
        """All of some options' values, the defaults too, as JSON and TOML have them."""
        return {option.name: option.kind.plain(self[option]) for option in options}


NOTHING_GIVEN = Values()  # every option has its default


def read_values(plain: Mapping[str, Any], options: Iterable[Option[Any]]) -> Values:
    """Values from what `Values.plain` gave, of another version perhaps: what is missing has its default.

    What is not known is ignored. Raises `ValueError` for a value that its option cannot have.
    """
    values = Values()
    for option in options:
        for name in (option.name, *option.formerly):
            if name in plain:
                try:
                    values = values.having(option, option.kind.value(plain[name]))
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
                break
    return values
