"""What can go wrong, told to the person: what happened and why, and what to do next."""

from __future__ import annotations

from typing import ClassVar


class HalfpintError(Exception):
    """A failure with an explanation: `what` happened and why, and the `fix`, if one is known.

    `exit_code` is what a command that ends with this error returns to the shell.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}" if self.fix else self.what


class JobFailed(HalfpintError):
    """The job ran and did not succeed: verification said FAIL, the disk filled up, the worker died."""

    exit_code = 1


class VerificationFailed(HalfpintError):
    """An artifact was made, and its verdict is FAIL."""

    exit_code = 1


class BadRequest(HalfpintError):
    """What was asked for cannot be: an illegal size, an unknown format, an artifact that exists already."""

    exit_code = 2


class WeightsRefused(HalfpintError):
    """The weights file is unreadable, hostile, damaged, or of no family known here.

    `hostile`: it asks for what no checkpoint needs, to run something or to be read for ever.
    """

    exit_code = 3

    def __init__(self, what: str, fix: str = "", *, hostile: bool = False) -> None:
        super().__init__(what, fix)
        self.hostile = hostile


class ArtifactRefused(HalfpintError):
    """A file that others exported is unreadable, hostile or damaged, or opening it went beyond a limit."""

    exit_code = 3


class WillNotFit(HalfpintError):
    """The job needs more memory than is free, and was not told to start anyway."""

    exit_code = 4


class Cancelled(HalfpintError):
    """The person (or a signal) ended the job."""

    exit_code = 130
