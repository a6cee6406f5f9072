"""Slim an .onnx file that is there already: read, slim, verify, publish, as an export does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..foreign.allowances import START
from ..foreign.opened import ForeignFile
from ..publication.draft import taken
from ..verify.evidence import Evidence, Verdict
from .changed_file import changed, making_sense, publish, refusing


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
        with refusing(file, "slimmed"):
            file.sandbox.ask("start_slimming", "starting", START)
        said, data = changed(file, "slim", "slimming it", "slimmed", size, outputs=list(outputs))
        with making_sense("slimmed"):
            before, after = map(int, said["nodes"])
            check = Evidence.of(said["check"])
        publish(source, target, data, check.message if check.verdict is Verdict.FAIL else "", overwrite=overwrite)
        return SlimmedFile(file.nbytes, len(data), before, after, check)
