"""Jobs for a cluster are looked at before any begins: what cannot be is an error, what is risky is told once."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.options import CLUSTER
from ..core.spec import ExportSpec
from .console import say_error


def look_at(specs: Iterable[ExportSpec]) -> None:
    """Raises `BadRequest` for a job that its cluster cannot be sent."""
    from ..core.jobs.cluster_address import check_portable, warning

    risks: dict[str, None] = {}
    for spec in specs:
        if address := spec.policy[CLUSTER]:
            check_portable(spec)
            risks[warning(address)] = None
    for risk in filter(None, risks):
        say_error(risk)
