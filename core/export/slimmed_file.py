"""Slim an .onnx file that is there already: read, slim, verify, publish, as an export does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtifactRefused, BadRequest, JobFailed
from ..foreign.allowances import START, Load, halving, reading
from ..foreign.opened import ForeignFile
from ..manifest import listed_elsewhere
from ..publication.draft import Draft, taken
from ..sandbox.process import SaidNo
from ..targets.loaded import told
from ..targets.provenance import PRODUCER
from ..verify.evidence import Evidence, Verdict
from ..version import VERSION
from .halved_file import check_memory, hold_name


@dataclass(frozen=True)
class SlimmedFile:
    """A published slimmed file: its bytes and nodes, those of the file as it was, and what their answers are."""

    nbytes_before: int
    nbytes: int
    nodes_before: int
    nodes: int
    check: Evidence


def slim_file(
    source: Path, target: Path, size: tuple[int, int], outputs: Sequence[str] = (), *, overwrite: bool = False
) -> SlimmedFile:
    """Write an ONNX file without what no runtime needs. It is read, slimmed and run in a sandbox.

    `outputs`: names of those to keep; all, if none is given. `size`: height and width to try a model at that takes any.
    Raises `BadRequest` for a file that is missing, an output that is not there or a target that exists;
    `ArtifactRefused` for one that is no ONNX model, does not run or goes beyond what it may take; `WillNotFit` if
    memory would not do; `JobFailed` if the answers are not the same.
    """
    if target.exists() and not overwrite:
        raise taken(target)
    with ForeignFile(source) as file:
        file.looked()
        file.started()
        origin = {"slimmed_by": f"{PRODUCER} {VERSION}", "slimmed_from_sha256": file.sha256()}
        try:
            file.sandbox.ask("start_slimming", "starting", START)
            needs, _ = file.sandbox.ask("needs", "weighing it", reading(file.nbytes), size=size)
            load = Load(int(needs["peak"]), int(needs["products"]))
            check_memory(int(needs["least"]), load)
            more = {"size": size, "outputs": list(outputs), "origin": origin}
            # A model with its data in other files comes back whole.
            limit = 2 * max(file.nbytes, int(needs["least"])) + 2**20
            allowance = halving(file.nbytes, load)
            said, (data,) = file.sandbox.ask("slim", "slimming it", allowance, limit=limit, **more)
            before, after = map(int, said["nodes"])
            check = Evidence.of(said["check"])
        except SaidNo as error:
            raise ArtifactRefused(f"{file.path.name} cannot be slimmed: {told(error)}") from error
        except (TypeError, KeyError, ValueError) as error:
            raise ArtifactRefused("the report on the slimmed file makes no sense") from error
        with hold_name(source, target), Draft(target) as draft:
            if overwrite and (owner := listed_elsewhere(target)):
                raise BadRequest(f"{target} is an artifact of {owner.name}", "give --out for another place")
            draft.write(data.tobytes())
            if check.verdict is Verdict.FAIL:
                raise JobFailed(f"verification failed: {check.message}", "the file was not published")
            draft.publish(overwrite)
        return SlimmedFile(file.nbytes, data.nbytes, before, after, check)
