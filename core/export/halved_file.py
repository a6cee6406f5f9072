"""Halve an .onnx file that is there already: read, halve, verify, publish, as an export does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadRequest
from ..foreign.opened import ForeignFile
from ..publication.draft import taken
from ..verify.evidence import Evidence, Verdict
from ..verify.report import Report, Way
from .changed_file import changed, making_sense, publish


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
    """Write the FP16 file of an FP32 ONNX file, which is read, halved and run in a sandbox.

    `size`: height and width to try a model at that takes any. Raises `BadRequest` for a file that is missing or has
    nothing to halve, or a target that exists; `ArtifactRefused` for one that is no ONNX model, does not run or goes
    beyond what it may take; `WillNotFit` if memory would not do; `JobFailed` if FP16 cannot hold it or verification
    fails.
    """
    if not source.exists():
        raise BadRequest(f"{source} does not exist", "check the path")
    if target.exists() and not overwrite:
        raise taken(target)
    with ForeignFile(source) as file:
        file.looked()
        file.started()
        said, data = changed(file, "halve", "halving it", "halved", size, half_io=half_io)
        with making_sense("halved"):
            report, halved, kept = _report(said), int(said["halved"]), int(said["kept"])
        reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
        publish(source, target, data, reasons if report.verdict is Verdict.FAIL else "", overwrite=overwrite)
        return HalvedFile(file.nbytes, len(data), halved, kept, report)


def _report(said: Any) -> Report:
    """The report as the sandbox told it."""
    return Report(Way.HALVED, tuple(map(Evidence.of, said["checks"])), (), float(said["seconds"]))
