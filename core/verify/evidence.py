"""What a check found: a verdict and a sentence, which render themselves as a row and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Verdict(StrEnum):
    """PASS: right. WARN: usable, but look at it. FAIL: wrong; such a file is never published."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


def worst(verdicts: Iterable[Verdict | None]) -> Verdict:
    """The most serious verdict; PASS where there is none."""
    return max((v for v in verdicts if v is not None), key=list(Verdict).index, default=Verdict.PASS)


@dataclass(frozen=True)
class Evidence:
    """What a check found. `name`: of the check, such as `loads`, `weights`, `accuracy`; `message`: a sentence."""

    name: str
    verdict: Verdict
    message: str

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """From JSON. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
        return cls(str(said["name"]), Verdict(said["verdict"]), str(said["message"]))

    @property
    def row(self) -> tuple[str, str, str]:
        """The row of a report: verdict, name, message."""
        return self.verdict.upper(), self.name, self.message

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)
