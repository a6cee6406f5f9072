"""What the core says of options, in the screen's words: it names flags, and on a screen nobody types them."""

from __future__ import annotations

import re
from functools import lru_cache

from ..core.options import rows

_FLAG = re.compile(r"--[a-z][a-z0-9-]*")
# What the command has a flag for and the screen has a place of its own for.
_PLACES = {"--imgsz": "the size (2)", "--batch-size": "the batch (2)", "--force": "^r"}


def on_screen(text: str) -> str:
    """A sentence with each flag as the screen calls it; what only the command has, says so."""
    return _FLAG.sub(lambda found: _called(found[0]), text) if "--" in text else text


@lru_cache
def _called(flag: str) -> str:
    if flag in _PLACES:
        return _PLACES[flag]
    for row in rows():
        if flag in row.spellings:
            return f"“{row.title}” (3)" if row.shown and row.title else f"{flag} of the command"
    return flag
