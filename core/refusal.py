"""The one place where whatever goes wrong while a weights file is read becomes an error that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import HalfpintError, WeightsRefused, WillNotFit
from .limits import out_of_memory
from .untrusted import printable


@contextmanager
def refusing(where: str = "", what: object = "it") -> Iterator[None]:
    """Read something of a weights file. Every failure leaves as `WeightsRefused`, with `where` put before it.

    `what` could not be read, where only Python knows why: a module by its name, for example. Memory that runs out is
    no fault of the file's, and leaves as `WillNotFit`.
    """
    before = f"{where}: " if where else ""
    try:
        yield
    except WeightsRefused as error:
        if not where or error.what.startswith(before):
            raise
        raise WeightsRefused(before + error.what, error.fix, hostile=error.hostile) from error
    except HalfpintError:
        raise
    except MemoryError as error:
        said, fix = out_of_memory()
        raise WillNotFit(f"{before}{said}", fix) from error
    except Exception as error:  # a crafted file finds the one case that nobody thought of
        raise WeightsRefused(
            f"{before}{what} cannot be read ({reason(error)})",
            "it is damaged or was made by hand; if it was not, this is a fault of ours: please report it",
        ) from error


def reason(error: Exception) -> str:
    """What an exception says, in a line. What it carries is not shown: a crafted value may take for ever to spell."""
    said = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    name = type(error).__name__
    return f"{name}: {printable(said, 120)}" if said else name
