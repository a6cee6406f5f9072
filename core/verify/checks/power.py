"""Could the answers tell a wrong file from a right one?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...units import figure
from ..compare import judged
from ..evidence import Evidence, Verdict
from ..report import Distance
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """How far another image moves the answer, next to how far rounding does."""
    yield check_power(found.others, found.noise)


def check_power(changes: Mapping[str, Distance], noise: Mapping[str, Distance]) -> Evidence:
    """WARN for components where the answer to another image would pass, too: nothing about them can be verified.

    `changes`: how far another image moves the answer. `noise`: how far rounding does.
    """
    dull = [name for name, change in changes.items() if judged(change.nrmse, noise[name].nrmse) is Verdict.PASS]
    if dull:
        told = f"cannot verify: the {' and '.join(dull)} depend on the image no more than on rounding"
        return Evidence("power", Verdict.WARN, told)
    least = figure(100 * min(change.nrmse for change in changes.values()))
    return Evidence("power", Verdict.PASS, f"another image changes the answer by {least} % of its spread or more")
