"""The smallest publication: three files that belong together, over old ones or beside nothing."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from halfpint.core.artifacts.draft import Draft
from halfpint.core.artifacts.hold import Hold

OLD = {"model.onnx": b"old", "model.halfpint.json": b"old list"}
NEW = {"model.bin": b"new weights", "model.onnx": b"new", "model.halfpint.json": b"new list"}


def publish(folder: Path) -> None:
    """Publish the new files. Raises `HalfpintError`."""
    with Hold(folder, "model", "job-1") as hold, ExitStack() as stack:
        made = [stack.enter_context(Draft(folder / name)) for name in NEW]
        for draft, data in zip(made, NEW.values(), strict=True):
            draft.write(data)
            draft.seal()
        hold.publish(made[:-1], made[-1], overwrite=True)
