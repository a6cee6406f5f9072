"""What each subcommand takes.

The options' rows know all targets, whose import takes its time: only subcommands that take rows import them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..core.shapes import Rounding

# YOLOv5's flags that serve targets which Halfpint does not make.
_OTHER_FLAGS = {
    "--keras": "TensorFlow",
    "--topk-per-class": "TensorFlow.js",
    "--topk-all": "TensorFlow.js",
    "--per-tensor": "TensorFlow Lite",
    "--workspace": "TensorRT",
    "--verbose": "TensorRT",
    "--optimize": "TorchScript on mobile devices",
    "--int8": "TensorFlow Lite and OpenVINO",
}


class _NotATarget(argparse.Action):
    """Refuses a flag that serves a target which Halfpint does not make."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        flag = self.option_strings[0]
        parser.error(f"{flag} is for {_OTHER_FLAGS[flag]}, which is not a target of Halfpint")


def _export(parser: argparse.ArgumentParser) -> None:
    from ..core.options import rows
    from .flags import add_flags

    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--weights", nargs="+", type=Path, metavar="W", help="weights files or folders, each a job")
    what.add_argument("--plan", type=Path, metavar="TOML", help="many jobs in one file; other flags are its defaults")
    add("--dry-run", action="store_true", help="with --plan: tell sizes and peaks of memory, and begin nothing")
    add("--only", type=int, metavar="N", help="with --plan: do its N-th job alone, from 0, in this command")
    _size(parser)
    add_flags(parser, rows())
    add("--json", action="store_true", help="print events, one JSON line each")
    add("--detach", action="store_true", help="put the jobs into the queue, print their ids, and return at once")
    add(
        "--parallel",
        type=int,
        choices=range(1, 65),
        default=1,
        metavar="N",
        help="with --detach or --plan: begin while fewer than N jobs run on the CPU (default 1)",
    )
    add("--inplace", action="store_true", help=argparse.SUPPRESS)
    for flag in _OTHER_FLAGS:
        add(flag, nargs="*", action=_NotATarget, help=argparse.SUPPRESS)


def _estimate(parser: argparse.ArgumentParser) -> None:
    from ..core.option import Part
    from ..core.options import OUT, VERIFY, rows
    from .flags import add_flags

    add = parser.add_argument
    add("weights", type=Path, metavar="W", help="a weights file or folder")
    _size(parser)
    add_flags(parser, (*rows(Part.RECIPE), OUT, VERIFY))
    add("--map", action="store_true", help="draw which sizes fit")
    add("--json", action="store_true", help="print JSON")


def _size(parser: argparse.ArgumentParser) -> None:
    """The size of a job."""
    add = parser.add_argument
    add(
        *("--imgsz", "--img", "--img-size"),
        nargs="+",
        type=int,
        action=_Size,
        metavar=("H", "W"),
        help="height and width in px; one value is a square (default: the family's: 640 for detectors, 800 for DBNet)",
    )
    add(
        "--round",
        type=Rounding,
        choices=list(Rounding),
        metavar="HOW",
        help="round the size to the model's stride: up, down or nearest (default: refuse other sizes)",
    )
    add("--batch-size", "--batch", type=int, default=1, metavar="B", help="images in a batch (default 1)")


def _measure_gpu(parser: argparse.ArgumentParser) -> None:
    from .flags import one_device

    parser.add_argument("--device", type=one_device, default="0", metavar="N", help="the index of a GPU (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a weights file, or an exported file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _halve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="MODEL", help="an .onnx file in FP32")
    parser.add_argument("--half-io", action="store_true", help="FP16 input and outputs (default: FP32)")
    _of_a_model(parser)


def _quantise(parser: argparse.ArgumentParser) -> None:
    from .flags import add_flags
    from .quantise import OPTIONS

    add = parser.add_argument
    add("file", type=Path, metavar="MODEL", help="an .onnx file in FP32 that takes one image")
    add_flags(parser, OPTIONS)
    add(
        "--int8-dynamic",
        action="store_true",
        help="find ranges anew in each run, for which no images are needed: for models of matrix products, such as "
        "transformers; convolutions then only store their weights in 8 bits, and are no quicker (default: with --data)",
    )
    _pixels(parser)
    _of_a_model(parser)


def _slim(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="MODEL", help="an .onnx file")
    parser.add_argument("--outputs", nargs="+", default=[], metavar="NAME", help="the outputs to keep (default: all)")
    _of_a_model(parser)


def _pixels(parser: argparse.ArgumentParser) -> None:
    """What a picture's pixels become."""
    add = parser.add_argument
    whole = "after levels were divided by 255; one value is for all channels (default: as the file tells, or else"
    add("--mean", nargs="+", type=float, metavar="M", help=f"what is taken from each channel, {whole} 0)")
    add("--std", nargs="+", type=float, metavar="S", help=f"what each channel is divided by then, {whole} 1)")
    add("--bgr", action="store_true", help="blue comes first (default: as the file tells, or else red)")


def _compare(parser: argparse.ArgumentParser) -> None:
    from ..core.options import DATA, IMAGES
    from .flags import add_flags

    add = parser.add_argument
    add("first", type=Path, metavar="A", help="an exported file")
    add("second", type=Path, metavar="B", help="another one, also of another kind; it is held against the first")
    add_flags(parser, (DATA, IMAGES))
    _pixels(parser)
    add(
        *("--imgsz", "--img", "--img-size"),
        nargs="+",
        type=int,
        action=_Size,
        metavar=("H", "W"),
        help="height and width to run them at, if they take any (default: as the files tell, or else 640)",
    )
    add("--json", action="store_true", help="print JSON")


def _of_a_model(parser: argparse.ArgumentParser) -> None:
    """What commands take that make one .onnx file of another."""
    add = parser.add_argument
    add(
        *("--imgsz", "--img", "--img-size"),
        nargs="+",
        type=int,
        action=_Size,
        default=[640],
        metavar=("H", "W"),
        help="height and width to compare at, if the model takes any (default 640)",
    )
    add("--out", type=Path, metavar="DIR", help="where the file goes (default: beside the model)")
    add("--overwrite", action="store_true", help="replace a file that exists already")


def _verify(parser: argparse.ArgumentParser) -> None:
    from ..core.options import DATA, IMAGES, MAX_LOSS, SAVE_IMAGES
    from .flags import add_flags, one_device

    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="an exported file")
    parser.add_argument("--against", type=Path, required=True, metavar="W", help="the weights it was made from")
    parser.add_argument("--device", type=one_device, default="cpu", metavar="D", help="cpu, or the index of a GPU")
    add_flags(parser, (DATA, IMAGES, MAX_LOSS, SAVE_IMAGES))
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that exist already")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _jobs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "action",
        nargs="?",
        choices=("list", "show", "follow", "cancel", "retry", "up", "down", "clean"),
        default="list",
        metavar="ACTION",
        help="list (default), show, follow, cancel, retry, up or down in the queue, clean: forget all that are over",
    )
    add(
        "jobs",
        nargs="*",
        metavar="JOB",
        help="a job's number, or some letters of its id: the first or last",
    )
    add("--json", action="store_true", help="print JSON")


def _snippet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="a file that halfpint exported")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("halfpint-demo"), metavar="DIR", help="where to")
    parser.add_argument("--headless", action="store_true", help="report in the terminal, open no screen")


class _Size(argparse.Action):
    """One or two values."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if len(values) > 2:
            parser.error(f"--imgsz takes height and width, {len(values)} values are given")
        setattr(namespace, self.dest, values)


# By the module that does it.
ARGUMENTS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "export": _export,
    "estimate": _estimate,
    "inspect": _inspect,
    "halve": _halve,
    "quantise": _quantise,
    "slim": _slim,
    "compare": _compare,
    "verify": _verify,
    "jobs": _jobs,
    "snippet": _snippet,
    "measure_gpu": _measure_gpu,
    "demo": _demo,
}
