"""The manifest beside the artifacts: where they come from, what they take and give, how they were verified."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..formats import SUFFIXES, Kind
from ..inspect import WeightsInfo
from ..ledger import Ledger, source_ledger
from ..loading import file_sha256
from ..publication.draft import taken
from ..spec import ExportSpec, manifest_of
from ..targets.contract import Contract
from ..text import to_json
from ..untrusted import read_bounded
from ..verify.report import Report

SCHEMA = 1
_LONGEST = 4 << 20  # bytes of a manifest; that of eight artifacts with all their figures has 60 kB
_DEEPEST = 100  # values inside values; the deepest that is written here is eight deep


@dataclass(frozen=True)
class ArtifactRecord:
    """All that is known of a published artifact."""

    path: Path
    kind: Kind
    nbytes: int
    sha256: str
    contract: Contract
    simplified: bool
    ledger: Ledger
    report: Report

    def to_dict(self, info: WeightsInfo, made: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "file": self.path.name,
            "format": self.kind.format,
            "precision": self.kind.precision.name,
            "nbytes": self.nbytes,
            "ratio": round(self.nbytes / info.nbytes, 4),
            "sha256": self.sha256,
            "contract": asdict(self.contract),
            "simplified": self.simplified,
            "ledger": asdict(self.ledger),
            "verification": self.report.to_dict(),
            "made": made,
        }


@dataclass(frozen=True)
class Source:
    """The weights file: its facts and its SHA-256."""

    info: WeightsInfo
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        info = self.info
        return {
            "file": info.path.name,
            "sha256": self.sha256,
            "nbytes": info.nbytes,
            "family": info.facts.family,
            "variant": info.facts.variant,
            "task": info.facts.task,
            "stride": info.facts.stride,
            "parameters": info.parameters,
            "names": {str(index): name for index, name in info.facts.names.items()},
            "ledger": asdict(source_ledger(info)),
        }


def earlier(spec: ExportSpec, source_sha256: str) -> list[dict[str, Any]]:
    """The artifacts of earlier jobs that the manifest lists and that are still there.

    Those of other weights, which stay only where files may be overwritten, tell their own source. Raises `BadRequest`
    if a manifest of other weights has the name, and nothing may be overwritten.
    """
    try:
        found = read(spec.manifest)
        same = found["schema"] == SCHEMA and found["source"]["sha256"] == source_sha256
        there = [entry for entry in found["artifacts"] if _is_there(spec.out, entry["file"])]
        entries = [_with_source(entry, found["source"], source_sha256) for entry in there]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        if spec.overwrite:
            return []
        raise taken(spec.manifest) from error
    if not same and not spec.overwrite:
        raise taken(spec.manifest)
    return entries


def _with_source(entry: Mapping[str, Any], source: Any, source_sha256: str) -> dict[str, Any]:
    """A manifest's entry, which tells its own source if that is not the one of this SHA-256.

    Raises `KeyError` or `TypeError` for what is no entry.
    """
    if not isinstance(entry["sha256"], str):
        raise TypeError("a SHA-256 that is no text")
    own = entry.get("source", source)
    rest = {key: value for key, value in entry.items() if key != "source"}
    return rest if own["sha256"] == source_sha256 else {**rest, "source": own}


def listed_elsewhere(path: Path, name: str = "") -> Path | None:
    """The manifest of another name than `name` that lists the file at `path`, if there is one."""
    for suffix in SUFFIXES:
        other = path.name.removesuffix(suffix)
        if other not in (path.name, name):
            manifest = manifest_of(path.parent, other)
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                if any(entry["file"] == path.name for entry in read(manifest)["artifacts"]):
                    return manifest
    return None


def changed(folder: Path, entry: Mapping[str, Any]) -> bool:
    """Whether an artifact is no longer the file that a manifest lists."""
    return file_sha256(folder / entry["file"]) != entry["sha256"]


def manifest_bytes(
    source: Source,
    records: Iterable[ArtifactRecord],
    kept: Iterable[Mapping[str, Any]],
    made: Mapping[str, Any],
) -> bytes:
    """A manifest of new artifacts, and of `kept` ones of earlier jobs."""
    new = [record.to_dict(source.info, made) for record in records]
    manifest = {"schema": SCHEMA, "source": source.to_dict(), "artifacts": [*kept, *new]}
    return f"{to_json(manifest, indent=2)}\n".encode("ascii")


def read(path: Path) -> dict[str, Any]:
    """A manifest's JSON; anybody may have put it there. Raises `OSError`, and `ValueError` for what is none."""
    try:
        found: Any = json.loads(read_bounded(path, _LONGEST))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply for a manifest") from error
    if not isinstance(found, dict) or _is_deep(found):
        raise ValueError(f"{path} is no manifest")
    return found


def _is_deep(value: object) -> bool:
    """Whether values are nested deeper than in any manifest; some of them are written again, which takes calls."""
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [value for values in inner for value in values]
    return bool(level)


def _is_there(folder: Path, name: str) -> bool:
    return Path(name).name == name and (folder / name).is_file()
