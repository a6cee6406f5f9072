"""The files of an artifact of others, open: what a sandbox inherits, and their sizes and checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import ArtifactRefused, BadRequest
from ..sandbox.process import SaidNo, Sandbox
from ..targets import targets
from ..untrusted import open_regular, printable

_SERVICE = "halfpint.core.foreign.serve"


class OpenFiles:
    """A file, and others of the artifact that lie beside it. `paths` are all; `nbytes`: their size."""

    def __init__(self, path: Path) -> None:
        """Open them; `close` closes them. Raises `BadRequest` for a file that is missing or cannot be read."""
        self.path = path
        self.paths = (path, *companions(path))
        self._descriptors: list[int] = []
        try:
            for file in self.paths:
                self._descriptors.append(open_regular(file))
            self.nbytes = sum(os.fstat(descriptor).st_size for descriptor in self._descriptors)
        except FileNotFoundError as error:
            self.close()
            raise BadRequest(f"{path} does not exist", "check the path") from error
        except OSError as error:
            self.close()
            raise BadRequest(f"{path} cannot be read: {error.strerror}", "name an exported file") from error

    def close(self) -> None:
        """Close them."""
        for descriptor in self._descriptors:
            os.close(descriptor)

    def sandbox(self, device: str = "cpu") -> Sandbox:
        """A sandbox that has them open."""
        return Sandbox(_SERVICE, self.path.name, self._descriptors, device)

    def sha256s(self) -> Mapping[str, str]:
        """The SHA-256 of each file, by its name, in hexadecimal."""
        found: dict[str, str] = {}
        for path, descriptor in zip(self.paths, self._descriptors, strict=True):
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                file.seek(0)
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found


def companions(path: Path) -> tuple[Path, ...]:
    """The further files of an artifact of several that lie beside the one that stands for all of them."""
    for target in targets():
        first, *others = target.suffixes
        if others and path.name.endswith(first):
            beside = (path.with_name(path.name.removesuffix(first) + suffix) for suffix in others)
            return tuple(other for other in beside if other.exists())
    return ()


@contextmanager
def refusing_what_nobody_thought_of(path: Path) -> Iterator[None]:
    """Read something of a file: an error that is none of ours leaves as `ArtifactRefused`."""
    try:
        yield
    except SaidNo as error:  # a crafted file finds the one case that nobody thought of
        raise ArtifactRefused(
            f"{path.name} cannot be read ({printable(str(error), 120)})",
            "it is damaged or was made by hand; if it was not, this is a fault of ours: please report it",
        ) from error
