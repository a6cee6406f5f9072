"""Does a narrow precision resemble the reference one, where rounding noise is not known?"""

from __future__ import annotations

from collections.abc import Iterator

from ...units import figure
from ..evidence import Evidence
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """The component that is farthest off, as a share of its spread; nothing for a file in the reference precision."""
    if found.differences:
        farthest = max(found.differences, key=lambda difference: difference.measured.nrmse)
        by = f"by {figure(100 * farthest.measured.nrmse)} % of their spread"
        message = f"{found.precision.label} moves the {farthest.component} {by}"
        yield Evidence("halving", farthest.verdict, message)
