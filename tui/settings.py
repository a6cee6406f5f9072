"""The choices, remembered for the user: a TOML file, written atomically; a broken one is set aside."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.option import Option, read_values
from ..core.options import rows
from ..core.text import in_utf8
from .choices import Choices
from .themes import THEMES

_SIZES = ("height", "width", "batch")  # as earlier versions remembered them, whatever the weights


def settings_path() -> Path:
    """$HALFPINT_CONFIG/settings.toml, or the one in the user's configuration folder."""
    chosen = os.environ.get("HALFPINT_CONFIG")
    if chosen:
        return Path(chosen) / "settings.toml"
    from platformdirs import user_config_path

    return user_config_path("halfpint") / "settings.toml"


def load(path: Path) -> tuple[Choices, str]:
    """The remembered choices, and a warning if the file was broken: it is then set aside, not lost."""
    import tomllib

    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8"))
        return _choices(stored), ""
    except FileNotFoundError:
        return Choices(), ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        aside = path.with_name(f"settings.broken-{int(time.time())}.toml")
        try:
            path.rename(aside)
        except OSError:
            return Choices(), f"{path} cannot be read ({error}); the defaults are used"
        return Choices(), f"{path.name} was broken ({error}); it is now {aside.name}, and the defaults are used"


def _choices(stored: dict[str, Any]) -> Choices:
    """Choices from what a file holds, of another version perhaps. Raises `ValueError` for what does not fit."""
    sizes: dict[str, int] = {}
    for name in _SIZES:
        if name in stored:
            if type(stored[name]) is not int:
                raise ValueError(f"{name} is {stored[name]!r:.40}")
            sizes[name] = stored[name]
    known = [row for row in _remembered() if {row.name, *row.formerly} & stored.keys()]
    values = read_values(stored, known)
    begun = Choices()
    for row in known:
        begun = begun.having(row, values[row])
    return replace(begun, **sizes, pinned=stored.get("pinned") is True, sizes=_sizes_of_kinds(stored.get("sizes", {})))


def _sizes_of_kinds(stored: Any) -> dict[str, tuple[int, int]]:
    """The sizes by kind of weights. Raises `ValueError` for what is none."""
    sizes: dict[str, tuple[int, int]] = {}
    for kind, size in stored.items():
        if not (isinstance(size, list) and [type(side) for side in size] == [int, int]):
            raise ValueError(f"the size of {kind} is {size!r:.40}")
        sizes[kind] = (size[0], size[1])
    return sizes


def theme(path: Path) -> str:
    """The theme that is remembered, if it is one of ours; else the dark one.

    Our widgets ask a theme for plain colours, which Textual's own themes do not have.
    """
    import tomllib

    try:
        chosen = str(tomllib.loads(path.read_text(encoding="utf-8")).get("theme"))
    except (OSError, ValueError):
        chosen = ""
    return chosen if chosen in [theme.name for theme in THEMES] else THEMES[0].name


def save(path: Path, choices: Choices, theme: str = "") -> None:
    """Remember the choices, and the theme. A folder that cannot be written to is no reason to disturb anybody."""
    from ..core.errors import HalfpintError
    from ..core.publication.draft import Draft

    batch = {"batch": choices.batch, "pinned": True} if choices.pinned and choices.batch is not None else {}
    values = {**({"theme": theme} if theme else {}), **batch, **choices.values.plain(_remembered())}
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items() if _storable(value)]
    lines += ["[sizes]\n", *(f"{_toml(kind)} = {_toml(size)}\n" for kind, size in choices.sizes.items())]
    try:
        with Draft(path, 0o600) as draft:
            draft.write("".join(lines).encode())
            draft.publish(overwrite=True)
    except HalfpintError:
        return


def _remembered() -> list[Option[Any]]:
    return [row for row in rows() if row.remembered]


def _storable(value: Any) -> bool:
    """Whether TOML can hold it: it is UTF-8, and the name of a folder may not be."""
    return not isinstance(value, str) or in_utf8(value) == value


def _toml(value: Any) -> str:
    """A value of the kinds that choices have, in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, int | float):
        return repr(value)
    # A basic string of TOML is one of JSON, apart from DEL.
    import json

    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
