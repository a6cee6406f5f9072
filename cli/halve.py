"""`halfpint halve`: the FP16 file of any FP32 .onnx file, whoever wrote it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.export.halved_file import halve_file
from ..core.tables import table
from ..core.units import megabytes
from .arguments import height_and_width
from .console import say


def run(args: argparse.Namespace) -> int:
    """Run `halfpint halve`; its exit code."""
    source: Path = args.file.absolute()
    target = (args.out.absolute() if args.out else source.parent) / f"{source.stem}.fp16.onnx"
    done = halve_file(source, target, height_and_width(args.imgsz), half_io=args.half_io, overwrite=args.overwrite)
    say(f"{target.name}: {done.report.verdict.upper()}, {done.report.headline}")
    say(f"  {megabytes(done.nbytes_before)} → {megabytes(done.nbytes)} ({done.nbytes / done.nbytes_before:.3f} of it)")
    say(f"  {done.halved} nodes compute in FP16, {done.kept} stay in FP32")
    for line in table([check.row for check in done.report.checks], "  "):
        say(line)
    return 0
