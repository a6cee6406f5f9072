"""A job's turn: one job at a time makes files of a name in a folder, and the others wait."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadRequest
from ..events import Note
from ..manifest import listed_elsewhere
from ..options import IF_HELD, IfHeld
from ..publication.draft import taken
from ..publication.hold import Held, Hold
from ..spec import ExportSpec
from .stages import Emit

_POLL_SECONDS = 0.1


def turn(spec: ExportSpec, job: str, emit: Emit) -> Hold:
    """The hold on the job's names, once no other job has it; tells whom it waits for.

    Raises `BadRequest` if a name is taken, also while it waits: then it would be in vain; and if another job has it
    where the spec says not to wait.
    """
    waits = False
    while True:
        try:
            hold = Hold(spec.out, spec.root, job)
            break
        except Held as held:
            check_free(spec)
            if spec.policy[IF_HELD] is IfHeld.REFUSE:
                raise _refused(held) from held
            if not waits:
                waits = True
                emit(Note("info", f"waits for another job that makes files of this name ({held})"))
            time.sleep(_POLL_SECONDS)
    try:
        check_free(spec)
    except BaseException:
        hold.release()
        raise
    return hold


def _refused(held: Held) -> BadRequest:
    job = held.holder.job if held.holder is not None else ""
    fix = f"wait for it, or end it with halfpint jobs cancel {job}" if job else "wait for it"
    return BadRequest(f"another job makes files of this name ({held})", fix)


def check_free(spec: ExportSpec) -> None:
    """Raises `BadRequest` if a file of the job's names exists that it may not replace."""
    for path in _wanted(spec):
        if path.is_dir():
            raise BadRequest(f"{path} is a folder", "remove it, or give --name or --out for another place")
        if os.path.lexists(path):
            if not spec.overwrite:
                raise taken(path)
            if owner := listed_elsewhere(path, spec.artifact_name):
                raise BadRequest(f"{path} is an artifact of {owner.name}", "give --name or --out for another place")


def _wanted(spec: ExportSpec) -> Iterator[Path]:
    """All paths that a job may make files at."""
    for kind in spec.kinds:
        yield from (*spec.paths(kind), *spec.pictures(kind), *spec.pictures_of_failure(kind))
