"""The subcommands: what was asked for is done, and what went wrong is told. Nothing heavy is imported before."""

from __future__ import annotations

import argparse
import errno
import importlib
import signal
import sys
from collections.abc import Sequence

from ..core.errors import BadRequest, HalfpintError
from ..core.limits import out_of_memory, out_of_time
from .console import discard, say_error
from .parser import build_parser
from .signals import Ended, ending


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0 done, 1 a job failed, 2 bad request, 3 weights refused, 4 will not fit.

    128 and the signal's number if a signal ended it; so does a pipe whose reader (`head`) has seen enough.
    """
    try:
        with ending():
            return _run(build_parser().parse_args(arguments))
    except Ended as signalled:
        if signalled.number == signal.SIGXCPU:
            say_error(*out_of_time("this one"))
            return 1
        return signalled.exit_code


def _run(args: argparse.Namespace) -> int:
    try:
        return importlib.import_module(f".{args.module}", __package__).run(args)
    except HalfpintError as error:
        say_error(error.what, error.fix)
        return error.exit_code
    except BrokenPipeError:
        discard(sys.stdout)
        return 128 + signal.SIGPIPE
    except MemoryError:
        say_error(*out_of_memory())
        return 1
    except OSError as error:  # standard output on a full disk, a folder that went away
        discard(sys.stdout)
        say_error(f"{error.filename or 'the output'}: {error.strerror}")
        return BadRequest.exit_code if error.errno == errno.ENAMETOOLONG else 1


if __name__ == "__main__":
    sys.exit(main())
