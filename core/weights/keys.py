"""Names and keys from a weights file: none of them absurdly long, all of them safe to show."""

from __future__ import annotations

from ..errors import WeightsRefused
from ..untrusted import printable
from .budget import MAX_NAME


def short(name: str) -> str:
    """The name, unless it is absurdly long: then raises `WeightsRefused`."""
    if len(name) > MAX_NAME:
        raise WeightsRefused(f"a name in it has {len(name):,} characters: {printable(name, 40)}")
    return name


def told(key: object) -> str:
    """A dict's key for people. Of what is neither text nor number, its kind: some crafted values never end as text."""
    return printable(str(key)) if isinstance(key, str | int | float) else f"a {type(key).__name__.lower()}"
