"""Open the screen, or say why it cannot be opened here."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from ..core.errors import BadRequest

_HEADLESS = "`halfpint export --help` tells how to do without a screen"


def open_screen(folder: Path) -> int:
    """Run the screen until it is left; its exit code. Raises `BadRequest` where there is no screen to run on."""
    if not folder.is_dir():
        raise BadRequest(f"{folder} is no folder", "give a folder to search for weights, or a command: halfpint --help")
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise BadRequest("the screen needs a terminal, and this is a pipe or a file", _HEADLESS)
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        raise BadRequest(f"this terminal cannot draw (TERM={os.environ.get('TERM', '')})", _HEADLESS)

    if isinstance(sys.__stderr__, io.TextIOWrapper):
        # Textual draws there. Whatever the locale says, box drawing as `\u2570` helps nobody.
        sys.__stderr__.reconfigure(encoding="utf-8", errors="replace")

    from .app import HalfpintApp

    app = HalfpintApp(folder)
    app.run()
    return app.return_code or 0
