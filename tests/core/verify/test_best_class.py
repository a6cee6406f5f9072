"""What a person keeps of a classifier's answers: the best class."""

from __future__ import annotations

import numpy as np
import pytest

from halfpint.core.network.result import BestClass
from halfpint.core.verify.best_class import class_change
from halfpint.core.verify.checks.best_class import check_classes
from halfpint.core.verify.evidence import Verdict

BEFORE = (np.array([[1.0, 3.0, 2.9]]),)
SAME, OTHER = (np.array([[1.1, 2.96, 2.94]]),), (np.array([[1.0, 2.94, 2.96]]),)


def test_the_same_class() -> None:
    check = check_classes([class_change(BestClass(0), SAME, BEFORE, 0.0, (1, 3, 64, 64), seed) for seed in (0, 1)])
    assert (check.name, check.verdict) == ("class", Verdict.PASS)
    assert check.message == "the best class is the same on 2 test images"


@pytest.mark.parametrize(
    ("noise", "verdict", "told"),
    [
        (0.02, Verdict.PASS, ": no more than rounding explains"),
        (0.005, Verdict.WARN, ": more than rounding explains"),
        (0.0005, Verdict.FAIL, ": more than rounding explains"),
        (None, Verdict.PASS, "on 1 of the test image"),
    ],
)
def test_another_class_is_judged_by_how_near_the_two_were(noise: float | None, verdict: Verdict, told: str) -> None:
    change = class_change(BestClass(0), OTHER, BEFORE, noise, (1, 3, 64, 64), 0)
    assert (change.expected, change.found) == (1, 2)
    check = check_classes([change])
    assert check.verdict is verdict
    assert check.message.endswith(told)
