"""All artifacts of a job get their names at once, together with their manifest, beside what earlier jobs made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..events import Note
from ..manifest import ArtifactRecord, Listed, Source, earlier, manifest_bytes, pictures_of
from ..publication.draft import Draft
from ..publication.hold import Hold
from ..spec import ExportSpec
from .stages import Emit


def publish(
    hold: Hold,
    spec: ExportSpec,
    source: Source,
    drafts: Sequence[Draft],
    new: Sequence[ArtifactRecord] | Sequence[Listed],
    made: Mapping[str, Any],
    emit: Emit,
) -> None:
    """Publish artifacts whose drafts are sealed. `new`: all of them, as made here or as listed elsewhere.

    `made`: the circumstances of those that were made here. Raises what `Hold.publish` raises, and `BadRequest` if the
    manifest is in the way.
    """
    records = [one for one in new if isinstance(one, ArtifactRecord)]
    listed = [one for one in new if isinstance(one, Listed)]
    names = {record.path.name for record in records} | {one.name for one in listed}
    drawn = {picture.name for record in records for picture in record.pictures}
    drawn |= {name for one in listed for name, _ in one.pictures}
    kept = list(_kept(spec, source.sha256, names, emit))
    outdated = pictures_of(spec, source.sha256, names, drawn)
    with Draft(spec.manifest) as manifest:
        manifest.write(manifest_bytes(source, records, [*kept, *listed], made))
        manifest.seal()
        hold.publish(drafts, manifest, overwrite=spec.overwrite)
    for path in outdated:
        with suppress(OSError):
            path.unlink()


def _kept(spec: ExportSpec, source_sha256: str, names: Collection[str], emit: Emit) -> Iterator[Listed]:
    """The artifacts of earlier jobs that stay in the manifest.

    This job replaces those called `names`. Those that somebody changed are dropped, with a warning.
    """
    for listed in earlier(spec, source_sha256):
        if listed.name in names:
            continue
        if listed.changed_in(spec.out):
            emit(Note("warning", f"{listed.name} is not the file that was published: it is listed no longer"))
        else:
            yield listed.illustrated(listed.pictures_in(spec.out))
