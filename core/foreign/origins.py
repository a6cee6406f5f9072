"""Where a file comes from, as the manifest beside it and the file itself say."""

from __future__ import annotations

from collections.abc import Iterator

from ..manifest import read
from ..targets.loaded import Origin
from ..verify.evidence import Evidence, Verdict
from .opened import ForeignFile

_MAX_MANIFESTS = 100  # that are looked into


def as_published(file: ForeignFile) -> Iterator[Evidence]:
    """Whether the file is, byte for byte, the one that a manifest beside it lists."""
    for manifest in sorted(file.path.parent.glob("*.halfpint.json"))[:_MAX_MANIFESTS]:
        try:
            listed = {name: sha256 for artifact in read(manifest).artifacts for name, sha256 in artifact.files}
        except (OSError, ValueError):
            continue
        if file.path.name in listed:
            if all(listed.get(name) == sha256 for name, sha256 in file.sha256s().items()):
                yield Evidence("sha256", Verdict.PASS, f"the file is as {manifest.name} lists it")
            else:
                yield Evidence("sha256", Verdict.FAIL, f"the file changed since {manifest.name} was written")


def of_these_weights(origin: Origin, sha256: str) -> Iterator[Evidence]:
    """Whether the file says that it was made from these weights."""
    if origin.source_sha256 == sha256:
        yield Evidence("source", Verdict.PASS, "the file says it was made from these weights")
    elif origin.source_sha256:
        yield Evidence("source", Verdict.WARN, "the file says it was made from other weights than these")
