"""Is the precision itself the right choice, however well a file is computed in it?"""

from __future__ import annotations

from collections.abc import Iterator

from ...precisions import REFERENCE
from ...units import figure
from ..compare import MOST_ROUNDING
from ..evidence import Evidence, Verdict
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """WARN if the precision itself, rightly computed, moves an answer far."""
    if found.precision != REFERENCE:
        name, moved = max(found.noise.items(), key=lambda item: item[1].nrmse)
        verdict = Verdict.PASS if moved.nrmse <= MOST_ROUNDING else Verdict.WARN
        by = f"by {figure(100 * moved.nrmse)} % of their spread"
        yield Evidence("rounding", verdict, f"{found.precision.label} itself moves the {name} {by}")
