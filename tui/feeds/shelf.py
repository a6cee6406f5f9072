"""Exported files that are there already: what their manifests say of them. Read in the thread of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.weights.discover import Candidate

if TYPE_CHECKING:
    from ...core.manifest import Listed


@dataclass(frozen=True)
class Shelved:
    """An exported file. What follows `manifest` is empty where none lists it, or it is not as listed.

    `source`: the weights that it was made from, if they lie beside it. `ratio`: its bytes / those of the weights.
    `noise`: the largest difference from the reference, in units of the rounding noise. `kept`: what a proof on the
    user's images found, in a few words.
    """

    path: Path
    nbytes: int
    modified: float
    manifest: Path | None = None
    verdict: str = ""
    ratio: float | None = None
    noise: float | None = None
    kept: str = ""
    source: Path | None = None


def exported() -> tuple[tuple[str, ...], ...]:
    """The suffixes of the files of each kind of artifact, the longest first."""
    from ...core.kinds import all_kinds

    return tuple(sorted((kind.suffixes for kind in all_kinds()), key=lambda suffixes: -len(suffixes[0])))


def shelved(candidate: Candidate) -> Shelved:
    """What is known of an exported file without opening it."""
    from ...core.manifest import listed_elsewhere, read

    path = candidate.path
    plain = Shelved(path, candidate.nbytes, candidate.modified)
    manifest = listed_elsewhere(path)
    if manifest is None:
        return plain
    try:
        listed = next(listed for listed in read(manifest).artifacts if listed.name == path.name)
        return _told(plain, manifest, listed)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration):  # it is not one of ours
        return plain


def _told(plain: Shelved, manifest: Path, listed: Listed) -> Shelved:
    entry, verification = listed.entry, listed.entry["verification"]
    if entry["nbytes"] != plain.nbytes:
        return plain  # another file has its name now
    source = manifest.parent / str(listed.source["file"])
    return Shelved(
        plain.path,
        plain.nbytes,
        plain.modified,
        manifest,
        str(verification["verdict"]),
        float(entry["ratio"]),
        None if (noise := verification.get("noise_multiple")) is None else float(noise),
        kept_words(verification.get("proof")),
        source if source.is_file() else None,
    )


def kept_words(proof: Mapping[str, Any] | None) -> str:
    """What of the user's images stays found: `31/32 kept, 1 new`."""
    if not proof:
        return ""
    new = f", {proof['new']} new" if proof["new"] else ""
    return f"{proof['kept']}/{proof['expected']} kept{new}"
