"""Open the screen, or say why it cannot be opened here."""

from __future__ import annotations

import gc
import io
import os
import sys
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import BadRequest
from ..core.streams import on_terminal as is_terminal

if TYPE_CHECKING:
    from ..core.spec import ExportSpec

_HEADLESS = "`halfpint export --help` tells how to do without a screen"


def on_terminal() -> bool:
    """Whether a person sits at a terminal."""
    return all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr)))


def open_screen(folder: Path, jobs: Iterable[ExportSpec] = ()) -> int:
    """Run the screen until it is left; its exit code. Raises `BadRequest` where there is no screen to run on.

    `jobs`: what it begins with.
    """
    if not folder.is_dir():
        raise BadRequest(f"{folder} is no folder", "give a folder to search for weights, or a command: halfpint --help")
    if not on_terminal():
        raise BadRequest("the screen needs a terminal, and this is a pipe or a file", _HEADLESS)
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        raise BadRequest(f"this terminal cannot draw (TERM={os.environ.get('TERM', '')})", _HEADLESS)

    if isinstance(sys.__stderr__, io.TextIOWrapper):
        # Textual draws there. Whatever the locale says, box drawing as `\u2570` helps nobody.
        sys.__stderr__.reconfigure(encoding="utf-8", errors="replace")

    _take_any_bytes()
    # Nothing of what is built before the first paint is garbage: the screen turns it on again.
    gc.disable()
    from .app import HalfpintApp

    app = HalfpintApp(folder, jobs=jobs)
    app.run()
    return app.return_code or 0


def _take_any_bytes() -> None:
    """Have bytes that are not UTF-8 typed and pasted as file names hold them: at the first, Textual 8 ends the app."""
    from textual.drivers import linux_driver

    def decoder(encoding: str) -> Callable[[], IncrementalDecoder]:
        return partial(getincrementaldecoder(encoding), "surrogateescape")

    linux_driver.getincrementaldecoder = decoder  # pyright: ignore[reportPrivateImportUsage]
