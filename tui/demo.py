"""`halfpint demo`: sample weights of our own making, and the main job on one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.formats import Format, Precision
from ..core.jobs.spec import ExportSpec
from ..core.samples.make import write_yolov5
from .exporting import run_jobs
from .text import say

_NOTE = """The weights in this folder are samples: real layouts, untrained random values.
Halfpint made them; they find nothing. Use them to try the tool.
"""


def run(args: argparse.Namespace) -> int:
    """Run `halfpint demo`; its exit code."""
    folder: Path = args.folder.absolute()
    weights = folder / "untrained-yolov5n.pt"
    if not weights.exists():
        write_yolov5(weights)
        (folder / "README.txt").write_text(_NOTE, encoding="utf-8")
    say(f"sample weights (untrained): {weights}")
    spec = ExportSpec(
        weights=weights,
        out=folder,
        formats=(Format.ONNX, Format.TORCHSCRIPT),
        precisions=(Precision.FP32, Precision.FP16),
        dynamic=True,
        overwrite=True,
    )
    return run_jobs([spec], as_json=False)
