"""Halve an .onnx file that is there already: read, halve, verify, publish, as an export does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..devices import host_memory
from ..errors import ArtifactRefused, BadRequest, JobFailed, WillNotFit
from ..foreign.allowances import Load, halving, reading
from ..foreign.opened import ForeignFile
from ..kinds import root_of
from ..manifest import listed_elsewhere
from ..memory.fit import Fit, Memory, fit_in
from ..memory.need import Need, Term
from ..publication.draft import Draft, taken
from ..publication.hold import Held, Hold
from ..sandbox.process import SaidNo
from ..targets.loaded import told
from ..targets.provenance import PRODUCER
from ..verify.evidence import Evidence, Verdict
from ..verify.report import Report, Way
from ..version import VERSION


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
        said, data = _halved(file, size, half_io)
        report = _report(said)
        with hold_name(source, target), Draft(target) as draft:
            if overwrite and (owner := listed_elsewhere(target)):
                raise BadRequest(f"{target} is an artifact of {owner.name}", "give --out for another place")
            draft.write(data)
            if report.verdict is Verdict.FAIL:
                reasons = "; ".join(f"{check.name}: {check.message}" for check in report.failures)
                raise JobFailed(f"verification failed: {reasons}", "the file was not published")
            draft.publish(overwrite)
        return HalvedFile(file.nbytes, len(data), int(said["halved"]), int(said["kept"]), report)


def _halved(file: ForeignFile, size: tuple[int, int], half_io: bool) -> tuple[Any, bytes]:
    """What the sandbox says of the halved file, and its bytes."""
    origin = {"halved_by": f"{PRODUCER} {VERSION}", "halved_from_sha256": file.sha256()}
    try:
        needs, _ = file.sandbox.ask("needs", "weighing it", reading(file.nbytes), size=size)
        load = Load(int(needs["peak"]), int(needs["products"]))
        check_memory(int(needs["least"]), load)
        allowance = halving(file.nbytes, load)
        more = {"size": size, "half_io": half_io, "origin": origin}
        # A model with its data in other files comes back whole.
        limit = 2 * max(file.nbytes, int(needs["least"])) + 2**20
        said, (data,) = file.sandbox.ask("halve", "halving it", allowance, limit=limit, **more)
    except SaidNo as error:
        raise ArtifactRefused(f"{file.path.name} cannot be halved: {told(error)}") from error
    return said, data.tobytes()


def hold_name(source: Path, target: Path) -> Hold:
    """The hold on the target's name, which an export makes files of too. Raises `BadRequest` if another has it."""
    try:
        return Hold(target.parent, root_of(source.stem))
    except Held as held:
        raise BadRequest(f"another job makes files of this name ({held})", "wait until it is over") from held


def check_memory(least: int, load: Load) -> None:
    """Raises `WillNotFit` if the file as it is could not even run."""
    host = host_memory()
    need = Need((Term("the model at its size", least, max(least, 2 * load.peak), "from the shapes in the file"),))
    found = fit_in(need, Memory("host memory", host.available, host.total))
    if found.fit is Fit.WILL_NOT_FIT:
        raise WillNotFit(found.sentence, "give a smaller size, or a machine with more memory")


def _report(said: Any) -> Report:
    """The report as the sandbox told it. Raises `ArtifactRefused` for anything else."""
    try:
        checks = tuple(map(Evidence.of, said["checks"]))
        return Report(Way.HALVED, checks, (), float(said["seconds"]))
    except (TypeError, KeyError, ValueError) as error:
        raise ArtifactRefused("the report on the halved file makes no sense") from error
