"""Copying over SSH: the terminal is asked to take the text (OSC 52), and a file has it in any case."""

from __future__ import annotations

from typing import Any

from textual.app import App

from ..core.errors import HalfpintError
from ..core.publication.draft import Draft
from ..core.state import private_folder, state_folder
from ..core.text import escaped_lines

# Terminals cut longer ones off, or ignore them (xterm's limit on OSC strings; tmux passes a megabyte).
_LONGEST = 50_000


def copy(app: App[Any], text: str) -> str:
    """Copy a text, its lines escaped; a sentence that tells where it is now."""
    text = escaped_lines(text)
    path = state_folder() / "copied.txt"
    try:
        private_folder(path.parent)
        with Draft(path, 0o600) as draft:
            draft.write(text.encode("utf-8"))
            draft.publish(overwrite=True)
        place = f"it is also in {path}"
    except (HalfpintError, OSError):
        place = "it could not be saved to a file"
    if len(text) > _LONGEST:
        return f"too long for a terminal's clipboard; {place}"
    app.copy_to_clipboard(text)
    return f"copied, if the terminal takes it (OSC 52); {place}"
