"""The smallest publication: three files that belong together, over old ones or beside nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from halfpint.core.publication.draft import Draft
from halfpint.core.publication.hold import Held, Hold

OLD = {"model.onnx": b"old", "model.halfpint.json": b"old list"}
NEW = {"model.bin": b"new weights", "model.onnx": b"new", "model.halfpint.json": b"new list"}


def publish(folder: Path, files: Mapping[str, bytes] = NEW) -> None:
    """Publish files; the last is their manifest. Raises `Held`, `HalfpintError`."""
    with Hold(folder, "model", "job-1") as hold, ExitStack() as stack:
        made = [stack.enter_context(Draft(folder / name)) for name in files]
        for draft, data in zip(made, files.values(), strict=True):
            draft.write(data)
            draft.seal()
        hold.publish(made[:-1], made[-1], overwrite=True)


def publish_often(folder: Path, files: Mapping[str, bytes], times: int) -> None:
    """Publish files time after time, each time when nobody else holds their name."""
    while times:
        try:
            publish(folder, files)
            times -= 1
        except Held:
            continue
