"""The facts of an artifact, whoever made it: it is read as data in a sandbox, and never run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtifactRefused
from ..targets import named
from ..targets.artifact_info import ArtifactInfo
from ..targets.target import Target
from .allowances import reading
from .files import OpenFiles, refusing_what_nobody_thought_of


@dataclass(frozen=True)
class Inspected:
    """An artifact's files and what they hold. `nbytes`: of the files named; `sha256s`: by their names."""

    path: Path
    target: Target
    nbytes: int
    sha256s: dict[str, str]
    info: ArtifactInfo

    @property
    def structure_nbytes(self) -> int:
        """Bytes of the files that are neither stored tensors nor notes: the graph, its names, the archive."""
        return self.nbytes - (self.info.weights_nbytes - self.info.elsewhere) - self.info.notes


def inspect_artifact(path: Path) -> Inspected:
    """The facts of an exported file.

    Raises `BadRequest` for a file that is missing or cannot be read, `ArtifactRefused` for one that is no artifact,
    declares what it does not hold, or goes beyond what reading it may take.
    """
    files = OpenFiles(path)
    try:
        with files.sandbox() as sandbox, refusing_what_nobody_thought_of(path):
            said, _ = sandbox.ask("info", "reading it", reading(files.nbytes))
        return Inspected(
            path, named(said["target"]), files.nbytes, dict(files.sha256s()), ArtifactInfo.of(said["info"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactRefused(f"{path.name}: what was read of it makes no sense") from error
    finally:
        files.close()
