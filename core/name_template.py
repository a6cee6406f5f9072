"""The template of the artifacts' name, as `--name` gives it: text, and plain fields in braces."""

from __future__ import annotations

import string
from collections.abc import Mapping

from .errors import BadRequest

_LONGEST_TEMPLATE = 1000  # characters


def filled(template: str, values: Mapping[str, object]) -> str:
    """A name template with its fields filled in: plain ones alone, no `{height:>9}` or `{stem.x}`.

    Raises `BadRequest` for any other.
    """
    help = "its fields are " + ", ".join(f"{{{field}}}" for field in values)
    if len(template) > _LONGEST_TEMPLATE:
        raise BadRequest(f"the name template has {len(template):,} characters", f"{_LONGEST_TEMPLATE} are possible")
    filled: list[str] = []
    try:
        for text, field, format, conversion in string.Formatter().parse(template):
            filled.append(text)
            if field is None:
                continue
            if field not in values:
                raise BadRequest(f"the name template {template!r} uses unknown fields", help)
            if format or conversion:
                raise BadRequest(f"the name template {template!r} formats {field}; fields are plain here", help)
            filled.append(str(values[field]))
    except ValueError as error:
        raise BadRequest(f"the name template {template!r} cannot be filled", help) from error
    return "".join(filled)
