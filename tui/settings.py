"""The choices, remembered for the user: a TOML file, written atomically; a broken one is set aside."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ..core.formats import Format, Precision
from ..core.spec import VerifyMode
from ..core.text import in_utf8
from .choices import Choices

# Not remembered: it would replace files in a later session that nobody thinks of.
_FORGOTTEN = frozenset(("overwrite",))


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
    """Choices from what a file holds. Raises `ValueError` or `TypeError` for what does not fit."""
    known = {field.name: field for field in fields(Choices)}
    values: dict[str, Any] = {}
    for name, value in stored.items():
        if name not in known or name in _FORGOTTEN:
            continue  # of another version
        match name:
            case "formats":
                value = tuple(map(Format, value))
            case "precisions":
                value = tuple(map(Precision, value))
            case "verify":
                value = VerifyMode(value)
            case _:
                wanted = type(getattr(Choices(), name))
                if type(value) is not wanted:
                    raise ValueError(f"{name} is {value!r:.40}")
        values[name] = value
    return replace(Choices(), **values)


def save(path: Path, choices: Choices) -> None:
    """Remember the choices. A folder that cannot be written to is no reason to disturb anybody."""
    from ..core.errors import HalfpintError
    from ..core.publication.draft import Draft

    values = {k: v for k, v in asdict(choices).items() if v is not None and k not in _FORGOTTEN and _storable(v)}
    try:
        with Draft(path, 0o600) as draft:
            draft.write("".join(f"{name} = {_toml(value)}\n" for name, value in values.items()).encode())
            draft.publish(overwrite=True)
    except HalfpintError:
        return


def _storable(value: Any) -> bool:
    """Whether TOML can hold it: it is UTF-8, and the name of a folder may not be."""
    return not isinstance(value, str) or in_utf8(value) == value


def _toml(value: Any) -> str:
    """A value of the kinds that choices have, in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, int):
        return str(value)
    # A basic string of TOML is one of JSON, apart from DEL.
    import json

    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
