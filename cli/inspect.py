"""`halfpint inspect`: the facts of a weights file or an artifact, for people or as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypeAlias

from ..core.errors import ArtifactRefused, WeightsRefused
from ..core.inspect import WeightsInfo, inspect
from ..core.ledger import source_ledger
from ..core.tables import table
from ..core.units import megabytes, spelled_dtype
from ..core.weights.archive import is_something_else
from .console import say, say_json

_Facts: TypeAlias = tuple[dict[str, Any], list[str]]  # for JSON, and for people


def run(args: argparse.Namespace) -> int:
    """Run `halfpint inspect`; its exit code."""
    told, shown = _artifact(args.file) or _weights(args.file)
    if args.json:
        say_json(told)
    else:
        for line in shown:
            say(line)
    return 0


def _weights(path: Path) -> _Facts:
    info = inspect(path)
    return to_dict(info), lines(info)


def _artifact(path: Path) -> _Facts | None:
    """The facts of an exported file; None if it is none, whose name says so too."""
    try:
        if not is_something_else(path):
            return None
    except WeightsRefused:  # a folder, a file that cannot be read: who looks for weights tells of it
        return None
    from ..core.foreign.inspect import inspect_artifact
    from ..core.targets import targets
    from . import artifact_facts

    try:
        inspected = inspect_artifact(path)
    except ArtifactRefused:
        if any(path.name.endswith(target.suffixes[0]) for target in targets()):
            raise
        return None
    return artifact_facts.to_dict(inspected), artifact_facts.lines(inspected)


def lines(info: WeightsInfo) -> list[str]:
    """The facts, as lines for people."""
    facts = info.facts
    names = ", ".join(list(facts.names.values())[:8]) + (", …" if len(facts.names) > 8 else "")
    rows = [
        ("model", f"{facts.variant} ({facts.family} {facts.task}, blocks of {facts.era})"),
        ("parameters", f"{info.parameters:,}"),
        ("stored as", ", ".join(f"{spelled_dtype(s.dtype)} {megabytes(s.nbytes)}" for s in info.stored)),
        ("form", f"training checkpoint, the {info.used} counts" if info.is_training else "release"),
        ("stride", f"{facts.stride} px: height and width must be multiples of it"),
        ("channels", str(facts.channels)),
    ]
    if facts.names:
        rows.append(("classes", f"{len(facts.names)}: {names}"))
    if facts.threshold is not None:
        rows.append(("threshold", f"{facts.threshold:g} of the map: what is above counts as text"))
    rows.append(("usual sizes", ", ".join(map(str, facts.sizes.presets)) + "; height×width"))
    if facts.training_size:
        rows.append(("trained at", "×".join(map(str, facts.training_size))))
    rows += facts.notes.items()
    if info.obstacle:
        rows.append(("cannot be exported", info.obstacle))
    ledger = source_ledger(info)
    parts = [(megabytes(entry.nbytes), entry.what) for entry in ledger.entries]
    return [f"{info.path.name}: {megabytes(info.nbytes)}", *table(rows, "  "), "  bytes", *table(parts, "    ")]


def to_dict(info: WeightsInfo) -> dict[str, Any]:
    """The facts, for JSON. Sizes are bytes."""
    facts = info.facts
    return {
        "file": str(info.path),
        "nbytes": info.nbytes,
        "layout": info.layout,
        "family": facts.family,
        "variant": facts.variant,
        "era": facts.era,
        "task": facts.task,
        "parameters": info.parameters,
        "dtypes": {stored.dtype: stored.nbytes for stored in info.stored},
        "training": info.is_training,
        "parts": [{"name": part.name, "nbytes": part.nbytes, "used": part.used} for part in info.parts],
        "stride": facts.stride,
        "channels": facts.channels,
        "names": {str(index): name for index, name in facts.names.items()},
        "training_size": facts.training_size,
        "threshold": facts.threshold,
        "notes": dict(facts.notes),
        "presets": [[preset.height, preset.width] for preset in facts.sizes.presets],
        "ledger": source_ledger(info).explanation,
        "obstacle": info.obstacle,
    }
