"""`halfpint estimate`: memory, file sizes and whether it fits, before anything runs; for people or as JSON."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from ..core.devices import free_disk
from ..core.errors import BadRequest
from ..core.export.size import rounding, sized
from ..core.families.family import Facts
from ..core.formats import Format, Kind, Precision
from ..core.loading import WeightsSource
from ..core.memory.estimate import Estimate, Snapshot, estimate, memory_finding
from ..core.memory.fitmap import default_sides, fit_map
from ..core.memory.now import look
from ..core.memory.verdict import Fit, Verdict
from ..core.memory.workload import Workload
from ..core.network.network import Network
from ..core.network.ops import ShapeMismatch
from ..core.shapes import Finding, InputShape, Level, findings
from ..core.sizes import ArtifactSize, Sizes, disk_finding
from ..core.spec import ExportSpec, VerifyMode
from ..core.streams import on_terminal
from ..core.tables import table
from ..core.units import mebibyte_range, mebibytes, megabytes
from .arguments import shape_in_words, size_of, weights_in
from .console import say, say_coloured, say_json


@dataclass(frozen=True)
class Answer:
    """All that is predicted of a job. `estimated` and `artifacts` are missing for a size that is illegal."""

    spec: ExportSpec
    shape: InputShape
    findings: tuple[Finding, ...]
    estimated: Estimate | None
    artifacts: tuple[ArtifactSize, ...]

    @property
    def precision(self) -> Precision:
        return self.spec.precisions[0]


def run(args: argparse.Namespace) -> int:
    """Run `halfpint estimate`; its exit code: 2 if the size is illegal or the disk too small."""
    spec = spec_of(args)
    now = look(spec.device)
    with WeightsSource(spec.weights) as source:
        network, facts = source.network, source.info.facts
    answer = answer_to(network, facts, sized(spec, facts, size_of(args), args.round), now)
    if args.json:
        say_json(to_dict(answer))
    else:
        for line in lines(answer):
            say(line)
    illegal = answer.estimated is None
    if args.map and not illegal:
        sides = default_sides(facts.stride, facts.sizes.recommended)
        _say_map(network, answer, now, sides, file_is_json=args.json)
    errors = [f for f in answer.findings if f.level is Level.ERROR and f.rule != "memory"]
    if errors and not args.json:
        raise BadRequest(errors[0].message, errors[0].fix)
    return BadRequest.exit_code if errors else 0


def spec_of(args: argparse.Namespace) -> ExportSpec:
    """The job that the arguments describe, but for its size. Raises `BadRequest`."""
    if args.half and args.precision is Precision.FP32:
        raise BadRequest("--half and --precision fp32 contradict each other", "leave out one of them")
    precision = Precision.FP16 if args.half else args.precision or Precision.FP32
    weights = weights_in(args.weights)
    return ExportSpec(
        weights=weights.absolute(),
        out=(args.out or weights.parent).absolute(),
        batch=args.batch_size,
        formats=tuple(dict.fromkeys(args.include)),
        precisions=(precision,),
        dynamic=args.dynamic,
        half_io=args.half_io,
        simplify=args.simplify,
        device=args.device,
        verify=VerifyMode(args.verify),
    )


def answer_to(network: Network, facts: Facts, spec: ExportSpec, now: Snapshot) -> Answer:
    """Everything about a job that follows from the facts."""
    shape = InputShape(spec.batch, network.channels, spec.height, spec.width)
    found = findings(spec.height, spec.width, spec.batch, network.stride, facts.sizes.recommended)
    if told := rounding(spec, network.stride):
        found = (Finding(Level.OK, "round", told), *found)
    if any(finding.level is Level.ERROR for finding in found):
        return Answer(spec, shape, found, None, ())
    try:
        estimated = estimate(network, spec, now)
    except ShapeMismatch as error:
        mismatch = Finding(Level.ERROR, "network", f"the network cannot take {shape}: {error}")
        return Answer(spec, shape, (*found, mismatch), None, ())
    sizes = Sizes(network)
    artifacts = tuple(sizes.artifact(spec, Kind(format, precision)) for format in Format for precision in Precision)
    asked = [artifact for artifact in artifacts if artifact.kind in spec.kinds]
    more = (memory_finding(estimated), disk_finding(asked, free_disk(spec.out)))
    return Answer(spec, shape, (*found, *(finding for finding in more if finding)), estimated, artifacts)


def to_dict(answer: Answer) -> dict[str, Any]:
    """The answer, for JSON. Sizes are bytes; `run`: the TorchScript file runs, with weights and input."""
    estimated = answer.estimated
    sizes: dict[str, dict[str, int]] = {}
    for artifact in answer.artifacts:
        sizes.setdefault(str(artifact.kind.format), {})[str(artifact.kind.precision)] = artifact.nbytes
    result: dict[str, Any] = {
        "shape": list(answer.shape.dims),
        "precision": str(answer.precision),
        "findings": [asdict(finding) for finding in answer.findings],
        "run": None,
        "job": None,
        "device": answer.spec.device,
        "verdict": str(Fit.UNKNOWN),
        "artifacts": sizes,
    }
    if estimated is not None:
        run = estimated.runs[answer.precision]
        result["run"] = {
            "of": str(Format.TORCHSCRIPT),
            "peak_allocated_nbytes": run.peak_allocated_nbytes,
            "peak_reserved_nbytes": run.peak_reserved_nbytes,
            "peak_layer": run.peak_layer,
        }
        result["job"] = {
            "host": _verdict_dict(estimated.host),
            "gpu": None if estimated.gpu is None else _verdict_dict(estimated.gpu),
        }
        result["verdict"] = str(estimated.fit)
    return result


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    need, memory = verdict.need, verdict.memory
    return {
        "verdict": str(verdict.fit),
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


def lines(answer: Answer) -> list[str]:
    """The answer, for people."""
    spec, estimated = answer.spec, answer.estimated
    told = [f"{spec.weights.name} at {shape_in_words(spec)}, {answer.precision}, on {_device(spec.device)}"]
    told += [f"  {finding.message}" for finding in answer.findings if finding.level is Level.OK]
    if estimated is not None:
        run = estimated.runs[answer.precision]
        told.append("  a forward pass of the TorchScript file, weights and input counted:")
        told.append(f"  {mebibytes(run.peak_allocated_nbytes)} at its peak, in {run.peak_layer};")
        told.append(f"  PyTorch on a GPU reserves {mebibytes(run.peak_reserved_nbytes)} for it")
        for verdict in (estimated.gpu, estimated.host):
            if verdict is not None:
                told += ["", verdict.sentence, *_terms(verdict)]
    if answer.artifacts:
        rows = [(str(a.kind), megabytes(a.nbytes), "" if a.exact else a.note) for a in answer.artifacts]
        told += ["", "files", *table(rows, "  ")]
    for finding in answer.findings:
        if finding.level is Level.WARNING and finding.rule != "memory":
            told += ["", f"warning: {finding.message}" + (f"; {finding.fix}" if finding.fix else "")]
    return told


def _terms(verdict: Verdict) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for term in verdict.need.terms:
        low, high = int(term.low), int(term.high)
        rows.append((mebibyte_range(low, high) if high else "", term.name, term.note))
    return table(rows, "  ")


def _device(device: str) -> str:
    return "the CPU" if device == "cpu" else f"GPU {device}"


def _say_map(network: Network, answer: Answer, now: Snapshot, sides: tuple[int, ...], *, file_is_json: bool) -> None:
    from ..core.memory.fitmap_text import map_lines

    stream = sys.stderr if file_is_json else sys.stdout
    try:
        drawn = fit_map(network, Workload.of(answer.spec), answer.spec.batch, answer.precision, now, sides)
    except ShapeMismatch as error:
        raise BadRequest(f"the map cannot be drawn: {error}", "leave out --map") from error
    place = (answer.spec.height, answer.spec.width)
    columns = shutil.get_terminal_size().columns if on_terminal(stream) else 100
    say(file=stream)
    for line in map_lines(drawn, place, columns=columns):
        say_coloured(line, file=stream)
