"""The manifest beside the artifacts: where they come from, what they take and give, how they were verified."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..artifacts.contract import Contract
from ..artifacts.draft import Draft, taken
from ..formats import Kind
from ..inspect import WeightsInfo
from ..ledger import Ledger, source_ledger
from ..text import to_json
from ..verify.report import Report
from .spec import ExportSpec

SCHEMA = 1


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
            "precision": self.kind.precision,
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
    """The artifacts of an earlier job on the same weights that the manifest lists and that are still there.

    Raises `BadRequest` if a manifest of other weights has the name, and nothing may be overwritten.
    """
    try:
        found: Any = json.loads(spec.manifest.read_text(encoding="utf-8"))
        same = found["schema"] == SCHEMA and found["source"]["sha256"] == source_sha256
        entries = [entry for entry in found["artifacts"] if (spec.out / str(entry["file"])).is_file()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        if spec.overwrite:
            return []
        raise taken(spec.manifest) from error
    if not same:
        if spec.overwrite:
            return []
        raise taken(spec.manifest)
    return entries


def publish_manifest(
    spec: ExportSpec, source: Source, records: Iterable[ArtifactRecord], made: Mapping[str, Any]
) -> Path:
    """Write the manifest: these artifacts, and those of earlier jobs on the same weights. Raises `JobFailed`."""
    new = [record.to_dict(source.info, made) for record in records]
    names = {entry["file"] for entry in new}
    kept = [entry for entry in earlier(spec, source.sha256) if entry["file"] not in names]
    manifest = {"schema": SCHEMA, "source": source.to_dict(), "artifacts": [*kept, *new]}
    with Draft(spec.manifest) as draft:
        draft.write(f"{to_json(manifest, indent=2)}\n".encode("ascii"))
        # An earlier manifest of the same weights lives on in this one.
        draft.publish(overwrite=True)
    return spec.manifest
