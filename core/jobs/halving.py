"""Halve an .onnx file that is there already: read, halve, verify, publish, as an export does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import helper

from ..artifacts.draft import Draft, taken
from ..artifacts.halve import halve
from ..artifacts.hold import Held, Hold
from ..artifacts.provenance import PRODUCER
from ..errors import BadRequest, JobFailed, WeightsRefused
from ..formats import root_of
from ..loading import file_sha256
from ..verify.halved import shape_of, verify_halved
from ..verify.loaded_onnx import LoadedOnnx
from ..verify.report import Report, Verdict
from ..verify.subject import told
from ..version import VERSION
from .manifest import listed_elsewhere


@dataclass(frozen=True)
class HalvedFile:
    """A published FP16 file: its bytes and those of the FP32 file, its nodes in FP16 and FP32, its verification."""

    nbytes_before: int
    nbytes: int
    halved: int
    kept: int
    report: Report


def halve_file(
    source: Path, target: Path, size: tuple[int, int], *, half_io: bool = False, overwrite: bool = False
) -> HalvedFile:
    """Write the FP16 file of an FP32 ONNX file. `size`: height and width to try a model at that takes any.

    Raises `BadRequest` for a file that is missing or has nothing to halve, or a target that exists; `WeightsRefused`
    for one that is no ONNX model or does not run; `JobFailed` if FP16 cannot hold it or verification fails.
    """
    if not source.is_file():
        raise BadRequest(f"{source} does not exist", "check the path")
    if target.exists() and not overwrite:
        raise taken(target)
    full = source.read_bytes()
    try:
        model = onnx.load_from_string(full)
        loaded = LoadedOnnx(full)
    except (DecodeError, ValueError) as error:
        raise WeightsRefused(f"{source.name} is no ONNX model: {told(error)}", "name an .onnx file") from error
    except Exception as error:  # ONNX Runtime has exceptions of its own
        raise WeightsRefused(f"ONNX Runtime does not take {source.name}: {told(error)}") from error
    shape = shape_of(loaded, size)
    halved = halve(model, half_io=half_io)
    origin = {"halved_by": f"{PRODUCER} {VERSION}", "halved_from_sha256": file_sha256(source)}
    helper.set_model_props(halved.model, {prop.key: prop.value for prop in model.metadata_props} | origin)
    data = halved.model.SerializeToString()
    with _hold(source, target), Draft(target) as draft:
        if overwrite and (owner := listed_elsewhere(target)):
            raise BadRequest(f"{target} is an artifact of {owner.name}", "give --out for another place")
        draft.write(data)
        report = verify_halved(full, halved, data, shape)
        if report.verdict is Verdict.FAIL:
            reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
            raise JobFailed(f"verification failed: {reasons}", "the file was not published")
        draft.publish(overwrite)
    return HalvedFile(len(full), len(data), halved.nodes, halved.kept, report)


def _hold(source: Path, target: Path) -> Hold:
    """The hold on the target's name, which an export makes files of too. Raises `BadRequest` if another has it."""
    try:
        return Hold(target.parent, root_of(source.stem))
    except Held as held:
        raise BadRequest(f"another job makes files of this name ({held})", "wait until it is over") from held
