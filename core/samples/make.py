"""Write sample weights to a folder: small checkpoints in real layouts, clearly untrained."""

from __future__ import annotations

from pathlib import Path

from ..families import identify, open_weights
from ..publication.draft import Draft
from ..scratch import scratch
from ..weights.writer import checkpoint_bytes
from . import dbnet
from .settle import settle
from .yolov5 import SampleSpec, sample

YOLOV5N = SampleSpec()


def write_yolov5(path: Path, spec: SampleSpec = YOLOV5N, *, overwrite: bool = False) -> None:
    """Write a YOLOv5 checkpoint with settled, untrained weights. The same spec gives the same bytes.

    Raises `BadRequest` if the file exists, `JobFailed` if it cannot be written.
    """
    made = sample(spec)
    with scratch() as folder:
        unsettled = folder / "unsettled.pt"
        unsettled.write_bytes(checkpoint_bytes(made.root))
        with open_weights(unsettled) as archive:
            settle(identify(archive).network(), made.norms)
    with Draft(path) as draft:
        draft.write(checkpoint_bytes(made.root, path.stem))
        draft.publish(overwrite)


def write_dbnet(path: Path, *, overwrite: bool = False) -> None:
    """Write a DBNet state dict with untrained weights, 49 MB, always the same bytes.

    Raises `BadRequest` if the file exists, `JobFailed` if it cannot be written.
    """
    with Draft(path) as draft:
        draft.write(checkpoint_bytes(dbnet.sample(), path.stem))
        draft.publish(overwrite)
