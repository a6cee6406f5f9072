"""`halfpint verify`: an exported file, compared with the weights that it was made from."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.foreign.against import Images, verify_file
from ..core.options import DATA, IMAGES, MAX_LOSS, SAVE_IMAGES
from ..core.spec import picture_paths
from ..core.tables import table
from ..core.verify.evidence import Verdict
from .console import say, say_json
from .flags import values_of


def run(args: argparse.Namespace) -> int:
    """Run `halfpint verify`; its exit code: 1 if the verdict is FAIL."""
    values, images = values_of(args, (DATA, IMAGES, MAX_LOSS, SAVE_IMAGES)), None
    if values[DATA]:
        artifact: Path = args.artifact.absolute()
        pictures = picture_paths(artifact.with_name(f"{artifact.name}.verify"), values[SAVE_IMAGES])
        images = Images(Path(values[DATA]), values[IMAGES], values[MAX_LOSS], pictures, args.overwrite)
    report = verify_file(args.artifact, args.against, args.device, images)
    if args.json:
        say_json(report.to_dict())
    else:
        say(f"{args.artifact.name} against {args.against.name}: {report.verdict.upper()}, {report.headline}")
        for line in table([check.row for check in report.checks], "  "):
            say(line)
    return 1 if report.verdict is Verdict.FAIL else 0
