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

_SIZES = ("height", "width", "batch")


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
    except (OSError, ValueError, TypeError, KeyError) as error:
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
    return replace(begun, **sizes)


def save(path: Path, choices: Choices) -> None:
    """Remember the choices. A folder that cannot be written to is no reason to disturb anybody."""
    from ..core.errors import HalfpintError
    from ..core.publication.draft import Draft

    sizes = {name: value for name in _SIZES if (value := getattr(choices, name)) is not None}
    values = {**sizes, **choices.values.plain(_remembered())}
    lines = [f"{name} = {_toml(value)}\n" for name, value in values.items() if _storable(value)]
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
