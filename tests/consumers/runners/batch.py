"""A batch of files and images for one consumer, and its answers: what all runners do alike, with numpy alone.

    python run_CONSUMER.py FOLDER

`FOLDER/batch.json` lists the files: `{"key", "file", "images": [paths of .npy], "outputs": [names], "way"}`. For each,
the runner writes `KEY.npz` with the output j for the image i as `i-j`, or `KEY.error` with what the consumer said.
`KEY.begun` stands from the beginning of a file: should the process die, that is where, and a second run goes on behind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Loads a file and answers each image with its outputs: (file, images, names of the outputs, way) -> answers.
Answer = Callable[[Path, "list[Any]", "list[str]", str], "Iterable[Sequence[Any]]"]


def serve(version: str, answer: Answer) -> None:
    """Work off the batch in the folder that the command line names."""
    folder = Path(sys.argv[1])
    (folder / "version").write_text(version)
    for item in json.loads((folder / "batch.json").read_text()):
        begun = folder / f"{item['key']}.begun"
        if begun.exists():
            continue
        begun.touch()
        images = [np.load(path) for path in item["images"]]
        try:
            answers = answer(Path(item["file"]), images, item["outputs"], item["way"])
            arrays = {f"{i}-{j}": np.asarray(y) for i, outputs in enumerate(answers) for j, y in enumerate(outputs)}
        except Exception as error:  # whatever a consumer raises is its answer
            (folder / f"{item['key']}.error").write_text(f"{type(error).__name__}: {error}")
        else:
            np.savez(folder / f"{item['key']}.npz", **arrays)
