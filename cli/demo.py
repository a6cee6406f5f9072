"""`halfpint demo`: sample weights of our own making, and the main job on them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.export.size import sized
from ..core.inspect import inspect
from ..core.precisions import FLOATS
from ..core.samples.make import write_dbnet, write_yolov5
from ..core.spec import ExportSpec
from ..core.targets import targets
from ..tui.start import on_terminal, open_screen
from .console import say
from .export import run_jobs
from .signals import by_default

_NOTE = """The weights in this folder are samples: real layouts, untrained random values.
Halfpint made them; they find nothing. Use them to try the tool.
"""
_SAMPLES = {"untrained-yolov5n.pt": write_yolov5, "untrained-dbnet-resnet18.pt": write_dbnet}


def run(args: argparse.Namespace) -> int:
    """Run `halfpint demo`; its exit code."""
    folder: Path = args.folder.absolute()
    specs: list[ExportSpec] = []
    for name, write in _SAMPLES.items():
        weights = folder / name
        if not weights.exists():
            write(weights)
        say(f"sample weights (untrained): {weights}")
        spec = ExportSpec.of(
            weights=weights,
            out=folder,
            targets=tuple(target for target in targets() if target.installed),
            precisions=FLOATS,
            dynamic=True,
            overwrite=True,
        )
        specs.append(sized(spec, inspect(weights).facts, None, None))
    (folder / "README.txt").write_text(_NOTE, encoding="utf-8")
    if on_terminal() and not args.headless:
        with by_default():
            return open_screen(folder, specs)
    return run_jobs(specs, as_json=False)
