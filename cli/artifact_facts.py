"""The facts of an artifact as `halfpint inspect` tells them: lines for people, and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.foreign.inspect import Inspected
from ..core.tables import table
from ..core.targets.contract import Port
from ..core.units import megabytes, spelled_dtype
from ..core.untrusted import printable

_OPERATORS, _TENSORS = 12, 10  # that are shown; JSON has more
_LONG = 100  # characters of a name or property


def lines(inspected: Inspected) -> list[str]:
    """The facts, as lines for people."""
    info = inspected.info
    rows = [("format", inspected.target.label)]
    rows += info.facts.items()
    if info.producer:
        rows.append(("producer", printable(info.producer)))
    rows += [("input", _port(port)) for port in info.inputs] + [("output", _port(port)) for port in info.outputs]
    if not info.inputs and not info.outputs:
        rows.append(("input", "the format declares none"))
    rows += [
        (printable(name), printable(text, _LONG)) for name, text in info.properties.items() if text != info.producer
    ]
    rows += [
        (f"sha256 of {name}" if len(inspected.sha256s) > 1 else "sha256", s) for name, s in inspected.sha256s.items()
    ]
    return [
        f"{inspected.path.name}: {megabytes(inspected.nbytes)}",
        *table(rows, "  "),
        "  bytes",
        *table(list(_bytes(inspected)), "    "),
        *_operators(inspected),
        *_largest(inspected),
    ]


def _bytes(inspected: Inspected) -> Iterator[tuple[str, str]]:
    info = inspected.info
    for dtype, nbytes in info.dtypes.items():
        yield megabytes(nbytes), f"tensors in {spelled_dtype(dtype)}"
    if info.elsewhere:
        yield megabytes(info.elsewhere), "of these in other files"
    yield megabytes(inspected.structure_nbytes), "graph, names and properties"
    yield megabytes(info.notes), "that no runtime needs: documentation, stack traces, names of nodes"


def _operators(inspected: Inspected) -> list[str]:
    uses = inspected.info.operators
    if not uses:
        return []
    rows = [(f"{use.count:,}", use.name, megabytes(use.nbytes) if use.nbytes else "") for use in uses[:_OPERATORS]]
    if more := uses[_OPERATORS:]:
        rows.append((f"{sum(use.count for use in more):,}", f"of {len(more)} other kinds", ""))
    return [f"  operators: {sum(use.count for use in uses):,}", *table(rows, "    ")]


def _largest(inspected: Inspected) -> list[str]:
    info = inspected.info
    if not info.largest:
        return []
    rows = [
        (
            megabytes(t.nbytes),
            "×".join(map(str, t.dims)) or "one value",
            spelled_dtype(t.dtype),
            printable(t.name),
            t.operator,
        )
        for t in info.largest[:_TENSORS]
    ]
    return [f"  largest of {info.tensors:,} tensors", *table(rows, "    ")]


def _port(port: Port) -> str:
    dims = "×".join(map(str, port.dims))
    return printable(f"{port.name}: {spelled_dtype(port.dtype)} {dims}".rstrip(), _LONG)


def to_dict(inspected: Inspected) -> dict[str, Any]:
    """The facts, for JSON. Sizes are bytes."""
    return {
        "file": str(inspected.path),
        "target": inspected.target.name,
        "nbytes": inspected.nbytes,
        "sha256": inspected.sha256s,
        "structure": inspected.structure_nbytes,
        **inspected.info.to_dict(),
    }
