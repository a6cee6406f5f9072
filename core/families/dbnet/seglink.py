"""The text detector that many take for a DBNet: SegLink++, which ModelScope publishes as a TensorFlow checkpoint."""

from __future__ import annotations

from pathlib import Path

from ...errors import WeightsRefused

_NAME = "cv_resnet18_ocr-detection-line-level_damo"
_SIBLING = "cv_resnet18_ocr-detection-db-line-level_damo"
_CHECKPOINTS = "tf_ckpts"  # the folder in a model's folder where ModelScope puts them
_INDEX = ".index"  # of the file that each TensorFlow checkpoint has beside its data


def refuse_seglink(folder: Path) -> None:
    """Raises `WeightsRefused` that names the sibling which is a DBNet, for a model's folder with such a checkpoint.

    Anything else is left to others, also a path that is no folder.
    """
    try:
        holds = any(
            file.suffix == _INDEX
            for place in (folder, folder / _CHECKPOINTS)
            if place.is_dir()
            for file in place.iterdir()
        )
    except OSError:
        return  # who looks for the weights tells of it
    if not holds:
        return
    raise WeightsRefused(
        f"{folder} holds a TensorFlow checkpoint, as the SegLink++ text detector {_NAME} has it, and no DBNet",
        f"its sibling {_SIBLING} is a DBNet, and is exported",
    )
