"""`halfpint estimate`: memory, file sizes and whether it fits, before anything runs; for people or as JSON."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.errors import BadRequest
from ..core.export.size import sized
from ..core.kinds import all_kinds
from ..core.memory.fit import Fit, MemoryFit
from ..core.memory.fitmap import default_sides, fit_map
from ..core.memory.now import look
from ..core.memory.snapshot import Snapshot
from ..core.memory.workload import Workload
from ..core.network.network import Network
from ..core.network.ops import ShapeMismatch
from ..core.option import Part
from ..core.options import OUT, VERIFY, rows
from ..core.plan import Plan, Planner
from ..core.shapes import MEMORY, Level
from ..core.sizes import ArtifactSize
from ..core.spec import ExportSpec
from ..core.streams import on_terminal
from ..core.tables import table
from ..core.targets import targets
from ..core.units import mebibyte_range, mebibytes, megabytes
from ..core.weights_source import WeightsSource
from .arguments import shape_in_words, size_of, weights_in
from .console import say, say_coloured, say_json
from .flags import values_of

_EVERY_KIND = tuple(all_kinds())


def run(args: argparse.Namespace) -> int:
    """Run `halfpint estimate`; its exit code: 2 if the size is illegal or the disk too small."""
    spec = spec_of(args)
    if not spec.one_device:
        raise BadRequest("one device at a time is looked at", "give cpu, or a GPU's index, with --device")
    now = look(spec.device, spec.out)
    with WeightsSource(spec.weights) as source:
        planner, facts = Planner(source.info, source.network), source.info.facts
    spec = sized(spec, facts, size_of(args), args.round)
    planned = planner.plan(spec, now, _EVERY_KIND)
    if args.json:
        say_json(to_dict(planned))
    else:
        for line in lines(planned):
            say(line)
    if args.map and planned.needs is not None:
        sides = default_sides(facts.stride, facts.sizes.recommended)
        _say_map(planner.network, planned, now, sides, file_is_json=args.json)
    if (obstacle := planned.obstacle) is None:
        return 0
    if args.json:
        return BadRequest.exit_code
    raise BadRequest(obstacle.message, obstacle.fix)


def spec_of(args: argparse.Namespace) -> ExportSpec:
    """The job that the arguments describe, but for its size. Raises `BadRequest`."""
    weights = weights_in(args.weights)
    values = values_of(args, (*rows(Part.RECIPE), OUT, VERIFY))
    out = Path(values[OUT] or weights.parent).absolute()
    return ExportSpec.of(weights.absolute(), out, batch=args.batch_size, values=values)


def to_dict(planned: Plan) -> dict[str, Any]:
    """The plan, for JSON. Sizes are bytes; `run`: the TorchScript file runs, with weights and input."""
    needs, fit, precision = planned.needs, planned.fit, planned.spec.precisions[0]
    sizes: dict[str, dict[str, int]] = {}
    for artifact in _files(planned):
        sizes.setdefault(str(artifact.kind.target), {})[str(artifact.kind.precision)] = artifact.nbytes
    result: dict[str, Any] = {
        "shape": list(planned.shape.dims),
        "precision": str(precision),
        "findings": [asdict(finding) for finding in planned.findings],
        "run": None,
        "job": None,
        "device": planned.spec.device,
        "fit": str(Fit.UNKNOWN),
        "artifacts": sizes,
    }
    if needs is not None and fit is not None:
        run = needs.runs[precision]
        result["run"] = {
            "of": next(str(target) for target in targets() if target.weighed),
            "peak_allocated_nbytes": run.peak_allocated_nbytes,
            "peak_reserved_nbytes": run.peak_reserved_nbytes,
            "peak_layer": run.peak_layer,
        }
        result["job"] = {
            "host": _fit_dict(fit.host),
            "gpu": None if fit.gpu is None else _fit_dict(fit.gpu),
        }
        result["fit"] = str(fit.fit)
    return result


def _fit_dict(found: MemoryFit) -> dict[str, Any]:
    need, memory = found.need, found.memory
    return {
        "fit": str(found.fit),
        "low_nbytes": int(need.low),
        "high_nbytes": int(need.high),
        "least_nbytes": int(need.least),
        "free_nbytes": memory.free,
        "total_nbytes": memory.total,
        "problem": memory.problem,
        "terms": [
            {"name": term.name, "low_nbytes": int(term.low), "high_nbytes": int(term.high), "note": term.note}
            for term in need.terms
        ],
    }


def lines(planned: Plan) -> list[str]:
    """The plan, for people."""
    spec, needs, fit = planned.spec, planned.needs, planned.fit
    precision = spec.precisions[0]
    told = [f"{spec.weights.name} at {shape_in_words(spec)}, {precision}, on {_device(spec.device)}"]
    told += [f"  {finding.message}" for finding in planned.findings if finding.level is Level.OK]
    if needs is not None and fit is not None:
        run = needs.runs[precision]
        told.append("  a forward pass of the TorchScript file, weights and input counted:")
        told.append(f"  {mebibytes(run.peak_allocated_nbytes)} at its peak, in {run.peak_layer};")
        told.append(f"  PyTorch on a GPU reserves {mebibytes(run.peak_reserved_nbytes)} for it")
        for found in (fit.gpu, fit.host):
            if found is not None:
                told += ["", found.sentence, *_terms(found)]
    if planned.artifacts:
        rows = [(str(a.kind), megabytes(a.nbytes), "" if a.exact else a.note) for a in _files(planned)]
        told += ["", "files", *table(rows, "  ")]
    for finding in planned.findings:
        if finding.level is Level.WARNING and finding.rule != MEMORY:
            told += ["", f"warning: {finding.sentence}"]
    return told


def _files(planned: Plan) -> list[ArtifactSize]:
    """Every file that these weights could become, in one order, whatever was asked for."""
    return sorted((*planned.artifacts, *planned.others), key=lambda artifact: _EVERY_KIND.index(artifact.kind))


def _terms(found: MemoryFit) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for term in found.need.terms:
        low, high = int(term.low), int(term.high)
        rows.append((mebibyte_range(low, high) if high else "", term.name, term.note))
    return table(rows, "  ")


def _device(device: str) -> str:
    return "the CPU" if device == "cpu" else f"GPU {device}"


def _say_map(network: Network, planned: Plan, now: Snapshot, sides: tuple[int, ...], *, file_is_json: bool) -> None:
    from ..core.memory.fitmap_text import map_lines

    spec, stream = planned.spec, sys.stderr if file_is_json else sys.stdout
    try:
        drawn = fit_map(network, Workload.of(spec), spec.batch, spec.precisions[0], now, sides)
    except ShapeMismatch as error:
        raise BadRequest(f"the map cannot be drawn: {error}", "leave out --map") from error
    place = (spec.height, spec.width)
    columns = shutil.get_terminal_size().columns if on_terminal(stream) else 100
    say(file=stream)
    for line in map_lines(drawn, place, columns=columns):
        say_coloured(line, file=stream)
