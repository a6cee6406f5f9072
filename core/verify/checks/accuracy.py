"""Is an answer as near to the reference's as rounding leaves it?"""

from __future__ import annotations

from collections.abc import Iterator

from ...units import figure
from ..evidence import Evidence, worst
from .found import Compared


def look(found: Compared) -> Iterator[Evidence]:
    """The worst difference of every component, in units of what rounding makes there."""
    parts: list[str] = []
    for name in dict.fromkeys(d.component for d in found.differences):
        multiple = max(d.multiple for d in found.differences if d.component == name)
        parts.append(f"{name} {figure(multiple)} ×")
    verdict = worst(d.verdict for d in found.differences)
    yield Evidence("accuracy", verdict, f"{', '.join(parts)} the rounding noise")
