"""What consumers are known to do otherwise, and why: their own limits and bugs. Everything else must be the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .asking import Outcome, Result
from .cases import DYNAMIC, DYNAMIC_HALF, STATIC_HALF, Column
from .consumer import Consumer


@dataclass(frozen=True)
class Known:
    """Files that a consumer does not answer alike. `of`: checkpoints, or their groups; all, if there are none.

    `says`: found in its error, or in what is off. `why`: README's words for it.
    """

    consumer: str  # its id
    columns: tuple[Column, ...]
    result: Result
    says: str
    why: str
    of: tuple[str, ...] = ()

    def concerns(self, consumer: Consumer, outcome: Outcome) -> bool:
        here = consumer.id == self.consumer and outcome.column in map(str, self.columns)
        return here and (not self.of or outcome.case in self.of or outcome.group in self.of)

    def holds(self, outcome: Outcome) -> bool:
        return outcome.result is self.result and re.search(self.says, outcome.detail) is not None


_DETECTORS = ("detect", "segment")
_FP16 = (STATIC_HALF, DYNAMIC_HALF)
_OPEN_SIZES = (DYNAMIC, DYNAMIC_HALF)
_NO_SHAPES = "computes no shapes"

KNOWN = (
    Known("opencv-python-headless-4.10.0.84", _OPEN_SIZES, Result.FAILS, "Concat", _NO_SHAPES, _DETECTORS),
    Known("opencv-python-headless-4.8.1.78", _OPEN_SIZES, Result.FAILS, "Concat", _NO_SHAPES, _DETECTORS),
    Known("opencv-python-headless-4.5.5.64", _FP16, Result.FAILS, "FLOAT16", "reads no FP16"),
    Known("opencv-python-headless-4.5.5.64", (DYNAMIC,), Result.FAILS, "Range", _NO_SHAPES, _DETECTORS),
    Known("opencv-python-headless-4.5.5.64", (DYNAMIC,), Result.FAILS, "findBroadAxis", _NO_SHAPES, ("proxylessnas",)),
    Known("ncnn", _FP16, Result.FAILS, r"Tensor\.to", "knows no casts"),
)


def known(consumer: Consumer, outcome: Outcome) -> Known | None:
    """What is known of this consumer with this file."""
    return next((one for one in KNOWN if one.concerns(consumer, outcome)), None)


def surprises(consumer: Consumer, outcomes: tuple[Outcome, ...]) -> list[str]:
    """The outcomes that are not what they should be, in words."""
    told: list[str] = []
    for outcome in outcomes:
        expected = known(consumer, outcome)
        if not (expected.holds(outcome) if expected else outcome.result is Result.SAME):
            wanted = f"{expected.result}: {expected.says}" if expected else Result.SAME
            file = " ".join(filter(None, (outcome.case, outcome.column, outcome.way)))
            told.append(f"{file}: {outcome.result} {outcome.detail[:400]!r}, where it should be {wanted}")
    return told
