"""`halfpint snippet`: a short program that finds things in pictures with an exported file."""

from __future__ import annotations

import argparse

from ..core.foreign.inspect import inspect_artifact
from ..core.snippet.program import program
from .console import say


def run(args: argparse.Namespace) -> int:
    """Run `halfpint snippet`; its exit code."""
    found = inspect_artifact(args.artifact)
    for line in program(str(args.artifact), found.target, found.info).splitlines():
        say(line)
    return 0
