"""`halfpint quantise`: the INT8 file of any FP32 .onnx file, whoever wrote it, made on images of the user."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.events import Progress
from ..core.export.quantised_file import Request, quantise_file
from ..core.options import DATA, IMAGES, MAX_LOSS
from ..core.tables import table
from ..core.targets.onnx.options import QUANTISED_FOR, REPORT
from ..core.units import megabytes
from .arguments import height_and_width, pixels_of
from .console import say, say_wrapped
from .flags import values_of
from .progress import monitor

OPTIONS = (DATA, IMAGES, MAX_LOSS, QUANTISED_FOR, REPORT)


def run(args: argparse.Namespace) -> int:
    """Run `halfpint quantise`; its exit code."""
    values = values_of(args, OPTIONS)
    source: Path = args.file.absolute()
    target = (args.out.absolute() if args.out else source.parent) / f"{source.stem}.int8.onnx"
    asked = Request(
        source=source,
        target=target,
        size=height_and_width(args.imgsz),
        data=Path(values[DATA]) if values[DATA] else None,
        count=values[IMAGES],
        pixels=pixels_of(args),
        most=values[MAX_LOSS],
        machine=values[QUANTISED_FOR],
        dynamic=args.int8_dynamic,
        report=Path(values[REPORT]).absolute() if values[REPORT] else None,
        overwrite=args.overwrite,
    )
    shown = monitor()
    try:
        done = quantise_file(
            asked, lambda step, total, text: shown.show(Progress("quantise", target.name, step, total, text))
        )
    finally:
        shown.close()
    say(f"{target.name}: {megabytes(done.nbytes_before)} → {megabytes(done.nbytes)}")
    for line in done.told:
        say(f"  {line}")
    most = "; the output that loses most counts" if len(done.units) > 1 else ""
    say_wrapped(f"a point is {', or '.join(done.units)}{most}", indent="  ")
    if done.images:
        say_wrapped(f"{done.images} images: {done.preparation}", indent="  ")
    for line in table([check.row for check in done.checks], "  "):
        say(line)
    return 0
