"""`halfpint slim`: any .onnx file without what no runtime needs, whoever wrote it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.export.slimmed_file import slim_file
from ..core.units import megabytes
from .arguments import height_and_width
from .console import say


def run(args: argparse.Namespace) -> int:
    """Run `halfpint slim`; its exit code."""
    source: Path = args.file.absolute()
    target = (args.out.absolute() if args.out else source.parent) / f"{source.stem}.slim.onnx"
    done = slim_file(source, target, height_and_width(args.imgsz), args.outputs, overwrite=args.overwrite)
    say(f"{target.name}: {done.check.verdict.upper()}, its answers are {done.check.message}")
    say(f"  {megabytes(done.nbytes_before)} → {megabytes(done.nbytes)} ({done.nbytes / done.nbytes_before:.3f} of it)")
    say(f"  {done.nodes_before} nodes → {done.nodes}")
    return 0
