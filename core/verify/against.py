"""Verify a file that is there already, whoever made it, against the weights it should have been made from."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path

from ..artifacts.contract import Contract, Port, contract
from ..errors import BadRequest, JobFailed
from ..formats import Format, Kind, Precision
from ..loading import WeightsSource, file_sha256
from ..network.network import Network
from ..shapes import InputShape
from .answers import Answers
from .full import judge, needed
from .loaded import Loaded, Origin
from .probes import plan
from .report import Check, Report, Verdict
from .subject import CannotLoad, Subject, load
from .trial import Step, on_trial


def verify_file(artifact: Path, weights: Path, device: str = "cpu") -> Generator[Step, None, Report]:
    """Verify a file fully, step by step.

    Raises `WeightsRefused` for bad weights, `BadRequest` for a missing file, `JobFailed` if it does not load.
    """
    if not artifact.is_file():
        raise BadRequest(f"{artifact} does not exist", "check the path")
    with WeightsSource(weights) as source:
        for _ in source.load():
            pass
    network = source.network
    subject, origin = _subject(artifact, network, source.info.facts.sizes.default, device)
    answers = Answers(network)
    try:
        answers.prepare(needed([subject], network.stride), [subject.kind.precision])
        trial = yield from on_trial(subject, network, plan(subject, network.stride))
        trial.checks += [*_as_published(artifact), *_of_these_weights(origin, source.sha256)]
        return (yield from judge(trial, answers))
    finally:
        answers.close()


def _subject(artifact: Path, network: Network, size: tuple[int, int], device: str) -> tuple[Subject, Origin]:
    """The file as a subject of verification, and what it says of its origin.

    `size`: height and width to try a file at that takes any and does not say what it was made for.
    """
    with artifact.open("rb") as file:
        format = Format.TORCHSCRIPT if file.read(4) == b"PK\x03\x04" else Format.ONNX
    try:
        loaded = load(artifact, format, device)
    except CannotLoad as error:
        raise JobFailed(f"{artifact} does not load as {format}: {error}") from error
    promised = loaded.contract if format is Format.ONNX else _torchscript_contract(loaded, network)
    fixed = promised.fixed_shape if promised is not None else None
    shape = fixed or loaded.origin.shape or InputShape(1, network.channels, *size)
    if loaded.ours and promised is not None:
        half_io = promised.input.dtype == "float16"
        promised = contract(network, shape, dynamic=fixed is None, half_io=half_io)
    kind = Kind(format, Precision.FP16 if loaded.half else Precision.FP32)
    return Subject(artifact, kind, shape, promised, device), loaded.origin


def _torchscript_contract(loaded: Loaded, network: Network) -> Contract | None:
    """TorchScript declares no sizes. Ours takes any; the trace of another exporter may take its own alone."""
    shape = loaded.origin.shape
    if loaded.ours or shape is None:
        return None
    return Contract(Port(network.input_name, "float32", shape.dims), ())


def _as_published(artifact: Path) -> Iterator[Check]:
    """Whether the file is, byte for byte, the one that a manifest beside it lists."""
    for manifest in artifact.parent.glob("*.halfpint.json"):
        try:
            entries = json.loads(manifest.read_text(encoding="utf-8"))["artifacts"]
            listed = {entry["file"]: entry["sha256"] for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if artifact.name in listed:
            if listed[artifact.name] == file_sha256(artifact):
                yield Check("sha256", Verdict.PASS, f"the file is as {manifest.name} lists it")
            else:
                yield Check("sha256", Verdict.FAIL, f"the file changed since {manifest.name} was written")


def _of_these_weights(origin: Origin, sha256: str) -> Iterator[Check]:
    """Whether the file says that it was made from these weights."""
    if origin.source_sha256 == sha256:
        yield Check("source", Verdict.PASS, "the file says it was made from these weights")
    elif origin.source_sha256:
        yield Check("source", Verdict.WARN, "the file says it was made from other weights than these")
