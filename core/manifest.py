"""The manifest beside the artifacts: where they come from, what they take and give, how they were verified."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from .inspect import WeightsInfo
from .kinds import Kind, all_suffixes
from .ledger import Ledger, source_ledger
from .publication.draft import taken
from .spec import ExportSpec, manifest_of
from .targets.contract import Contract
from .targets.trade import Trade
from .text import to_json
from .untrusted import read_bounded
from .verify.report import Report
from .weights_source import file_sha256

SCHEMA = 1
_LONGEST = 4 << 20  # bytes of a manifest; that of eight artifacts with all their figures has 60 kB
_DEEPEST = 100  # values inside values; the deepest that is written here is eight deep


@dataclass(frozen=True)
class FileRecord:
    """One file of a published artifact."""

    name: str
    nbytes: int
    sha256: str


@dataclass(frozen=True)
class PictureRecord(FileRecord):
    """A picture that was drawn of an artifact's proof. `image`: the user's image that it shows."""

    image: str


@dataclass(frozen=True)
class ArtifactRecord:
    """All that is known of a published artifact. `path`: of the file that stands for all of its `files`.

    `use`: what a program must know beside its contract. `passed`: the passes that changed it. `trade`: what was given
    up where, if it was made on images.
    """

    path: Path
    kind: Kind
    files: tuple[FileRecord, ...]
    contract: Contract
    use: Mapping[str, Any]
    passed: tuple[str, ...]
    ledger: Ledger
    report: Report
    pictures: tuple[PictureRecord, ...] = ()
    trade: Trade | None = None

    @property
    def nbytes(self) -> int:
        """All of its files."""
        return sum(file.nbytes for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the file that stands for all of them."""
        return self.files[0].sha256

    def to_dict(self, info: WeightsInfo, made: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "file": self.path.name,
            "target": self.kind.target.name,
            "precision": self.kind.precision.name,
            "nbytes": self.nbytes,
            "ratio": round(self.nbytes / info.nbytes, 4),
            "sha256": self.sha256,
            "contract": asdict(self.contract),
            "use": dict(self.use),
            "files": [_listed(file) for file in self.files],
            "pictures": [{**_listed(picture), "image": picture.image} for picture in self.pictures],
            "passes": list(self.passed),
            "ledger": asdict(self.ledger),
            **({"trade": self.trade.to_dict()} if self.trade is not None else {}),
            "verification": self.report.to_dict(),
            "made": made,
        }


def _listed(file: FileRecord) -> dict[str, Any]:
    return {"file": file.name, "nbytes": file.nbytes, "sha256": file.sha256}


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


@dataclass(frozen=True)
class Listed:
    """An artifact as a manifest lists it.

    `files`: the names of its files, and the SHA-256 of each; that which stands for all of them first. `source`: what
    the manifest says of its weights. `entry`: its lines in the manifest, which tell all else, other versions' too.
    `pictures`: as `files`, those of its proof.
    """

    files: tuple[tuple[str, str], ...]
    source: Any
    entry: Mapping[str, Any]
    pictures: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, entry: Any, source: Any) -> Self:
        """Raises `KeyError` or `TypeError` for what is no entry. `source`: of those that tell none of their own."""
        told = [entry, *(file for file in entry.get("files", ()) if file["file"] != entry["file"])]
        files = tuple((file["file"], file["sha256"]) for file in told)
        pictures = tuple((file["file"], file["sha256"]) for file in entry.get("pictures", ()))
        if not all(isinstance(text, str) for file in (*files, *pictures) for text in file):
            raise TypeError("a name or a SHA-256 that is no text")
        return cls(files, entry.get("source", source), entry, pictures)

    @property
    def name(self) -> str:
        """Of the file that stands for all of them."""
        return self.files[0][0]

    def is_in(self, folder: Path) -> bool:
        """Whether all its files are there."""
        return all(Path(name).name == name and (folder / name).is_file() for name, _ in self.files)

    def changed_in(self, folder: Path) -> bool:
        """Whether a file of it is no longer what the manifest lists."""
        return any(file_sha256(folder / name) != sha256 for name, sha256 in self.files)

    def pictures_in(self, folder: Path) -> tuple[str, ...]:
        """Those of its pictures that are there and as they were."""
        own = ((name, sha256) for name, sha256 in self.pictures if Path(name).name == name)
        there = ((name, sha256) for name, sha256 in own if (folder / name).is_file())
        return tuple(name for name, sha256 in there if file_sha256(folder / name) == sha256)

    def illustrated(self, pictures: Collection[str]) -> Self:
        """The same with these of its pictures alone."""
        if not self.pictures:
            return self
        kept = [file for file in self.entry["pictures"] if file["file"] in pictures]
        listed = tuple(file for file in self.pictures if file[0] in pictures)
        return replace(self, entry={**self.entry, "pictures": kept}, pictures=listed)

    def to_dict(self, source_sha256: str) -> dict[str, Any]:
        """Its entry in a manifest of weights of this SHA-256: it tells its own source if that is another."""
        rest = {key: value for key, value in self.entry.items() if key != "source"}
        return rest if self.source["sha256"] == source_sha256 else {**rest, "source": self.source}


@dataclass(frozen=True)
class Manifest:
    """What a manifest says, whoever wrote it: names and SHA-256 of its artifacts are text, all else may be anything."""

    schema: Any
    source: Any
    artifacts: tuple[Listed, ...]


def earlier(spec: ExportSpec, source_sha256: str) -> list[Listed]:
    """The artifacts of earlier jobs that the manifest lists and that are still there.

    Those of other weights stay only where files may be overwritten. Raises `BadRequest` if a manifest of other weights
    has the name, and nothing may be overwritten.
    """
    return [listed for listed in _entries(spec, source_sha256) if listed.is_in(spec.out)]


def pictures_of(
    spec: ExportSpec, source_sha256: str, replaced: Collection[str], new: Collection[str]
) -> tuple[Path, ...]:
    """The pictures that show artifacts which a job replaces, by their names, and that are not among its `new` ones.

    Those alone that are as the manifest lists them. Raises what `earlier` raises.
    """
    entries = [listed for listed in _entries(spec, source_sha256) if listed.name in replaced]
    return tuple(spec.out / name for listed in entries for name in listed.pictures_in(spec.out) if name not in new)


def _entries(spec: ExportSpec, source_sha256: str) -> Sequence[Listed]:
    try:
        found = read(spec.manifest)
        same = found.schema == SCHEMA and found.source["sha256"] == source_sha256
        for listed in (listed for listed in found.artifacts if listed.is_in(spec.out)):
            listed.source["sha256"]  # raises if an artifact does not say which weights it was made from
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        if spec.overwrite:
            return []
        raise taken(spec.manifest) from error
    if not same and not spec.overwrite:
        raise taken(spec.manifest)
    return found.artifacts


def listed_elsewhere(path: Path, name: str = "") -> Path | None:
    """The manifest of another name than `name` that lists the file at `path`, if there is one."""
    for suffix in all_suffixes():
        other = path.name.removesuffix(suffix)
        if other not in (path.name, name):
            manifest = manifest_of(path.parent, other)
            with contextlib.suppress(OSError, ValueError):
                if any(path.name == file for listed in read(manifest).artifacts for file, _ in listed.files):
                    return manifest
    return None


def manifest_bytes(
    source: Source,
    records: Iterable[ArtifactRecord],
    kept: Iterable[Listed],
    made: Mapping[str, Any],
) -> bytes:
    """A manifest of new artifacts, and of `kept` ones of earlier jobs."""
    new = [record.to_dict(source.info, made) for record in records]
    old = [listed.to_dict(source.sha256) for listed in kept]
    manifest = {"schema": SCHEMA, "source": source.to_dict(), "artifacts": [*old, *new]}
    return f"{to_json(manifest, indent=2)}\n".encode("ascii")


def read(path: Path) -> Manifest:
    """A manifest; anybody may have put it there. Raises `OSError`, and `ValueError` for what is none."""
    try:
        found: Any = json.loads(read_bounded(path, _LONGEST))
        if not isinstance(found, dict) or _is_deep(found):
            raise ValueError(f"{path} is no manifest")
        source = found.get("source")
        return Manifest(found.get("schema"), source, tuple(Listed.of(entry, source) for entry in found["artifacts"]))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply for a manifest") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no manifest ({type(error).__name__}: {error})") from error


def _is_deep(value: object) -> bool:
    """Whether values are nested deeper than in any manifest; some of them are written again, which takes calls."""
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [value for values in inner for value in values]
    return bool(level)
