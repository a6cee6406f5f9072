"""`halfpint compare A B`: two exported files side by side, whatever they are and whoever made them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.foreign.compare import Apart, Comparison, Images, compare_files
from ..core.options import DATA, IMAGES
from ..core.tables import table
from ..core.targets.contract import Port
from ..core.targets.trade import lost
from ..core.units import figure, megabytes, spelled_dtype
from ..core.untrusted import printable
from .arguments import pixels_of, size_of
from .artifact_facts import to_dict
from .console import say, say_json, say_wrapped
from .flags import values_of

_LONG = 40  # characters of what one file says of itself


def run(args: argparse.Namespace) -> int:
    """Run `halfpint compare`; its exit code."""
    values = values_of(args, (DATA, IMAGES))
    data = Path(values[DATA]) if values[DATA] else None
    found = compare_files(args.first, args.second, Images(data, values[IMAGES], size_of(args), pixels_of(args)))
    if args.json:
        say_json(_json(found))
        return 0
    for line in table([("", found.first.path.name, found.second.path.name), *_rows(found)]):
        say(line)
    for line in _answers(found.apart):
        say_wrapped(line.lstrip(), "  " if line.startswith(" ") else "")
    return 0


def _rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    """What both hold, a fact a row; of what is long, only what is not the same."""
    both = found.first, found.second
    yield ("format", *(each.target.label for each in both))
    share = f" ({found.second.nbytes / found.first.nbytes:.3f} ×)" if found.first.nbytes else ""
    yield "bytes", megabytes(found.first.nbytes), megabytes(found.second.nbytes) + share
    for dtype in dict.fromkeys((*found.first.info.dtypes, *found.second.info.dtypes)):
        held = (each.info.dtypes.get(dtype, 0) for each in both)
        yield (f"in {spelled_dtype(dtype)}", *(megabytes(nbytes) if nbytes else "–" for nbytes in held))
    yield ("graph and names", *(megabytes(each.structure_nbytes) for each in both))
    if any(each.info.producer for each in both):
        yield ("producer", *(printable(each.info.producer, _LONG) or "–" for each in both))
    for label, ports in (
        ("input", [each.info.inputs for each in both]),
        ("output", [each.info.outputs for each in both]),
    ):
        for number in range(max(map(len, ports))):
            yield (label, *(_port(each[number]) if number < len(each) else "–" for each in ports))
    yield ("operators", *(f"{sum(use.count for use in each.info.operators):,}" for each in both))
    for name, counts in found.operators.items():
        yield (f"  {printable(name, _LONG)}", *(f"{count:,}" if count else "–" for count in counts))
    for name, texts in found.properties.items():
        yield (printable(name, _LONG), *(printable(text, _LONG) or "–" for text in texts))


def _port(port: Port) -> str:
    return printable(f"{port.name}: {spelled_dtype(port.dtype)} {'×'.join(map(str, port.dims))}".rstrip(), 60)


def _answers(apart: Apart) -> Iterator[str]:
    """How far apart their answers are, in sentences."""
    if apart.reason:
        yield f"answers: {printable(apart.reason, 200)}"
        return
    images = f"{apart.images} images" if apart.images != 1 else "one image"
    yield f"answers to {images} at {apart.shape} ({apart.preparation}):"
    for drift in apart.drifts:
        name = printable(drift.name if drift.name == drift.other else f"{drift.name} / {drift.other}", 60)
        if drift.largest == 0:
            yield f"  {name}: the same to the last bit"
        else:
            by = f"by {figure(100 * drift.share)} % of its spread, by {figure(drift.largest)} at most"
            yield f"  {name}: the second differs {by}"
    if apart.points is not None:
        worst = "; the output that loses most counts" if len(apart.units) > 1 else ""
        units = printable(", or ".join(apart.units), 300)
        yield f"  the second {lost(apart.points)}; a point is {units}{worst}"


def _json(found: Comparison) -> dict[str, Any]:
    return {
        "files": [to_dict(found.first), to_dict(found.second)],
        "same": found.same,
        "operators": {name: list(counts) for name, counts in found.operators.items()},
        "properties": {name: list(texts) for name, texts in found.properties.items()},
        "answers": asdict(found.apart),
    }
