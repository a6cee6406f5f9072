"""The `halfpint` command: the screen, or a subcommand. The screen opens at once, so its way is short."""

from __future__ import annotations

import sys
from pathlib import Path

from ..core.errors import HalfpintError
from ..core.streams import guard
from .console import say_error

COMMANDS = frozenset(
    (
        *("export", "estimate", "inspect", "halve", "quantise", "slim"),
        *("compare", "verify", "jobs", "snippet", "measure-gpu", "demo"),
    )
)


def main() -> int:
    """`halfpint` and `halfpint FOLDER` open the screen; everything else is for the subcommands. The exit code."""
    guard()
    arguments = sys.argv[1:]
    if len(arguments) > 1 or (arguments and (arguments[0].startswith("-") or arguments[0] in COMMANDS)):
        from .main import main

        return main(arguments)
    from ..tui.start import open_screen

    try:
        return open_screen(Path(*arguments))
    except HalfpintError as error:
        say_error(error.what, error.fix)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
