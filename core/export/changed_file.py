"""An .onnx file of others is changed in a sandbox and published as an export is: what halving and slimming share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
from ..publication.draft import Draft
from ..publication.hold import Held, Hold
from ..sandbox.process import SaidNo
from ..targets.loaded import told
from ..targets.provenance import PRODUCER
from ..version import VERSION


def changed(
    file: ForeignFile, question: str, doing: str, done: str, size: tuple[int, int], **more: Any
) -> tuple[Any, bytes]:
    """What the sandbox says of the changed file, and its bytes.

    `question`: what it is asked. `doing`, `done`: the change in words, such as `halving it` and `halved`. `more`: of
    the question. Raises `ArtifactRefused`, `BadRequest` and `JobFailed` as the sandbox does, and `WillNotFit`.
    """
    origin = origin_for(file, done)
    with refusing(file, done), making_sense(done):
        needs, _ = file.sandbox.ask("needs", "weighing it", reading(file.nbytes), size=size)
        load, least = Load(int(needs["peak"]), int(needs["products"])), int(needs["least"])
        check_memory(least, load)
        allowance = halving(file.nbytes, load)
        # A model with its data in other files comes back whole.
        limit = 2 * max(file.nbytes, least) + 2**20
        said, (data,) = file.sandbox.ask(question, doing, allowance, limit=limit, size=size, origin=origin, **more)
        return said, data.tobytes()


def origin_for(file: ForeignFile, done: str) -> dict[str, str]:
    """The properties that tell what a changed file was made of. `done`: the change, such as `halved`."""
    return {f"{done}_by": f"{PRODUCER} {VERSION}", f"{done}_from_sha256": file.sha256()}


def publish(source: Path, target: Path, data: bytes, failure: str, *, overwrite: bool) -> None:
    """Give a changed file its name, unless its verification failed; `failure` tells how.

    Raises `BadRequest` if the name is taken, is another job's or an artifact's of another, `JobFailed` for a failure.
    """
    with _hold(source, target), Draft(target) as draft:
        if overwrite and (owner := listed_elsewhere(target)):
            raise BadRequest(f"{target} is an artifact of {owner.name}", "give --out for another place")
        draft.write(data)
        if failure:
            raise JobFailed(f"verification failed: {failure}", "the file was not published")
        draft.publish(overwrite)


@contextmanager
def refusing(file: ForeignFile, done: str) -> Iterator[None]:
    """Ask the sandbox: what it cannot do leaves as `ArtifactRefused`."""
    try:
        yield
    except SaidNo as error:
        raise ArtifactRefused(f"{file.path.name} cannot be {done}: {told(error)}") from error


@contextmanager
def making_sense(done: str) -> Iterator[None]:
    """Read what the sandbox said: what is not as it should be leaves as `ArtifactRefused`."""
    try:
        yield
    except (TypeError, KeyError, ValueError) as error:
        raise ArtifactRefused(f"the report on the {done} file makes no sense") from error


def _hold(source: Path, target: Path) -> Hold:
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
