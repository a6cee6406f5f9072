"""The parser of the command: every subcommand with its arguments, and the module that does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..core.option import Part
from ..core.options import OUT, VERIFY, rows
from ..core.shapes import Rounding
from ..core.version import VERSION
from .console import say_error
from .flags import add_flags, device

# YOLOv5's flags that serve targets which Halfpint does not make.
_OTHER_FLAGS = {
    "--keras": "TensorFlow",
    "--nms": "TensorFlow",
    "--agnostic-nms": "TensorFlow",
    "--topk-per-class": "TensorFlow.js",
    "--topk-all": "TensorFlow.js",
    "--iou-thres": "TensorFlow.js",
    "--conf-thres": "TensorFlow.js",
    "--per-tensor": "TensorFlow Lite",
    "--workspace": "TensorRT",
    "--verbose": "TensorRT",
    "--optimize": "TorchScript on mobile devices",
    "--int8": "TensorFlow Lite and OpenVINO",
}


@dataclass(frozen=True)
class Subcommand:
    """`halfpint NAME`: a line of help, and its arguments. The `run` of the module of its name does it."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]

    @property
    def module(self) -> str:
        """The module of this package that does it."""
        return self.name.replace("-", "_")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; `args.module` names the module that does what was asked for."""
    parser = _Parser(
        prog="halfpint",
        usage="halfpint [FOLDER] | halfpint COMMAND …",
        description="Turn detector weights into a deployable file of half the size, and prove that it still works. "
        "Without a command, the screen opens: it searches FOLDER (default: the current one) for weights.",
    )
    parser.add_argument("--version", action="version", version=f"halfpint {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    for command in SUBCOMMANDS:
        added = commands.add_parser(command.name, help=command.help)
        command.arguments(added)
        added.set_defaults(module=command.module)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a line and a way on."""

    def error(self, message: str) -> NoReturn:
        say_error(message, f"see {self.prog} --help")
        raise SystemExit(2)


class _NotATarget(argparse.Action):
    """Refuses a flag that serves a target which Halfpint does not make."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        flag = self.option_strings[0]
        parser.error(f"{flag} is for {_OTHER_FLAGS[flag]}, which is not a target of Halfpint")


def _export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--weights", nargs="+", type=Path, required=True, metavar="W", help="weights files or folders, each a job")
    _size(parser)
    add_flags(parser, rows())
    add("--json", action="store_true", help="print events, one JSON line each")
    add("--data", help=argparse.SUPPRESS)
    add("--inplace", action="store_true", help=argparse.SUPPRESS)
    for flag in _OTHER_FLAGS:
        add(flag, nargs="*", action=_NotATarget, help=argparse.SUPPRESS)


def _estimate(parser: argparse.ArgumentParser) -> None:
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
        help="height and width in px; one value is a square (default: the family's, 640 for YOLOv5, 800 for DBNet)",
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
    parser.add_argument("--device", type=device, default="0", metavar="N", help="the index of a GPU (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="W", help="a weights file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _halve(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", type=Path, metavar="MODEL", help="an .onnx file in FP32")
    add(
        *("--imgsz", "--img", "--img-size"),
        nargs="+",
        type=int,
        action=_Size,
        default=[640],
        metavar=("H", "W"),
        help="height and width to compare at, if the model takes any (default 640)",
    )
    add("--half-io", action="store_true", help="FP16 input and outputs (default: FP32)")
    add("--out", type=Path, metavar="DIR", help="where the file goes (default: beside the model)")
    add("--overwrite", action="store_true", help="replace a file that exists already")


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="an exported file")
    parser.add_argument("--against", type=Path, required=True, metavar="W", help="the weights it was made from")
    parser.add_argument("--device", type=device, default="cpu", metavar="D", help="cpu, or the index of a GPU")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("halfpint-demo"), metavar="DIR", help="where to")
    parser.add_argument("--headless", action="store_true", help="report in the terminal, open no screen")


class _Size(argparse.Action):
    """One or two values."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if len(values) > 2:
            parser.error(f"--imgsz takes height and width, {len(values)} values are given")
        setattr(namespace, self.dest, values)


SUBCOMMANDS = (
    Subcommand("export", "export weights, in the targets and precisions that you name, and verify", _export),
    Subcommand("estimate", "predict memory and file sizes, and whether it fits", _estimate),
    Subcommand("inspect", "tell what a weights file holds, without running it", _inspect),
    Subcommand("halve", "halve any FP32 .onnx file to FP16, and compare the two", _halve),
    Subcommand("verify", "compare an exported file with the weights it was made from", _verify),
    Subcommand("measure-gpu", "measure what CUDA itself takes of a GPU, for estimates", _measure_gpu),
    Subcommand("demo", "make sample weights and export them", _demo),
)
