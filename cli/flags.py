"""The options of a job as flags: one row of `core/options.py`, one argument of the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from ..core.device_names import one
from ..core.errors import BadRequest
from ..core.option import Decimal, Device, Number, OneOf, Option, SomeOf, Switch, Values

# What YOLOv5's export.py makes and Halfpint does not, by the name that --include takes.
_OTHER_TARGETS = {
    "openvino": "OpenVINO",
    "engine": "TensorRT",
    "coreml": "CoreML",
    "saved_model": "TensorFlow",
    "pb": "TensorFlow",
    "tflite": "TensorFlow Lite",
    "edgetpu": "TensorFlow for the Edge TPU",
    "tfjs": "TensorFlow.js",
    "paddle": "PaddlePaddle",
}


def add_flags(parser: argparse.ArgumentParser, options: Iterable[Option[Any]]) -> None:
    """Add the flags of some options, and those that stand for one of their values."""
    for option in options:
        _add(parser, option)
        for flag, spelling in option.shorthands.items():
            help = f"the same as {option.flag} {spelling}"
            parser.add_argument(flag, dest=_shorthand(flag), action="store_true", help=help)


def values_of(args: argparse.Namespace, options: Iterable[Option[Any]]) -> Values:
    """What the arguments say of some options. Raises `BadRequest` for flags that contradict each other."""
    values = Values()
    for option in options:
        found = getattr(args, option.name)
        for flag, spelling in option.shorthands.items():
            if getattr(args, _shorthand(flag)):
                meant = option.kind.value([spelling])
                if found is not None and not set(meant) <= set(found):
                    said = " ".join(map(str, found))
                    raise BadRequest(f"{flag} and {option.flag} {said} contradict each other", "leave out one of them")
                found = found or meant
        if found is not None:
            if option.serves is not None and not getattr(args, option.serves.name):
                raise BadRequest(
                    f"{option.flag} means nothing without {option.serves.flag}", f"add {option.serves.flag}"
                )
            values = values.having(option, tuple(dict.fromkeys(found)) if isinstance(found, list) else found)
    return values


def _add(parser: argparse.ArgumentParser, option: Option[Any]) -> None:
    """One flag. What is not given is None: its default is the option's."""
    flags, dest, help = option.spellings, option.name, f"{option.help} (default {_default(option)})"
    match option.kind:
        case Switch():
            parser.add_argument(*flags, dest=dest, action="store_true", default=None, help=option.help)
        case SomeOf() as kind:
            listed = f"{option.help}: {', '.join(c.spelling for c in kind.choices.all)} (default {_default(option)})"
            type = _chosen(option, kind)
            parser.add_argument(*flags, dest=dest, nargs="+", type=type, metavar=option.metavar, help=listed)
        case OneOf() as kind:
            spellings = [choice.spelling for choice in kind.choices.all]
            parser.add_argument(*flags, dest=dest, type=_chosen(option, kind), metavar="|".join(spellings), help=help)
        case Number() as kind:
            parser.add_argument(*flags, dest=dest, type=int, metavar=option.metavar, help=help)
        case Decimal():
            parser.add_argument(*flags, dest=dest, type=float, metavar=option.metavar, help=help)
        case Device():
            parser.add_argument(*flags, dest=dest, type=device, metavar=option.metavar, help=help)
        case _:
            parser.add_argument(*flags, dest=dest, metavar=option.metavar, help=help)


def device(text: str) -> str:
    """A device as Halfpint names it: torch's `cuda:0` is `0`."""
    return text.removeprefix("cuda:")


def one_device(text: str) -> str:
    """A device, where there is no choice among several."""
    if not one(device(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not known: give cpu, or a GPU's index")
    return device(text)


def _chosen(option: Option[Any], kind: SomeOf[Any] | OneOf[Any]) -> Any:
    """From a word of the command line to a value."""

    def value(text: str) -> Any:
        try:
            return kind.choices.named(text)
        except ValueError as error:
            if text in _OTHER_TARGETS and option.flag == "--include":
                other = f"{text} ({_OTHER_TARGETS[text]}) is not a target of Halfpint"
                raise argparse.ArgumentTypeError(other) from error
            known = ", ".join(choice.spelling for choice in kind.choices.all)
            raise argparse.ArgumentTypeError(f"{text!r} is not known: give {known}") from error

    return value


def _default(option: Option[Any]) -> str:
    plain = option.kind.plain(option.default)
    return " ".join(plain) if isinstance(plain, list) else str(plain) or getattr(option.kind, "placeholder", "none")


def _shorthand(flag: str) -> str:
    return f"shorthand_{flag.lstrip('-')}"
