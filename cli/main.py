"""The subcommands: their parser, and the way to each. Nothing heavy is imported before one runs."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..core.errors import BadRequest, HalfpintError
from ..core.formats import Format, Precision
from ..core.limits import out_of_memory, out_of_time
from ..core.shapes import Rounding
from ..core.spec import DEFAULT_OPSET, OPSETS, VerifyMode
from ..core.version import VERSION
from .console import discard, say_error
from .signals import Ended, ending

# What YOLOv5's export.py makes and Halfpint does not, by the name that --include takes.
_OTHER_FORMATS = {
    "openvino": "OpenVINO",
    "engine": "TensorRT",
    "coreml": "CoreML",
    "saved_model": "TensorFlow",
    "pb": "TensorFlow",
    "tflite": "TensorFlow Lite",
    "edgetpu": "TensorFlow for the Edge TPU",
    "tfjs": "TensorFlow.js",
    "paddle": "PaddlePaddle",
}
# YOLOv5's flags that serve those alone.
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0 done, 1 a job failed, 2 bad request, 3 weights refused, 4 will not fit.

    128 and the signal's number if a signal ended it; so does a pipe whose reader (`head`) has seen enough.
    """
    try:
        with ending():
            args = build_parser().parse_args(arguments)
            return _run(args)
    except Ended as signalled:
        if signalled.number == signal.SIGXCPU:
            say_error(*out_of_time("this one"))
            return 1
        return signalled.exit_code


def _run(args: argparse.Namespace) -> int:
    try:
        return args.run(args)
    except HalfpintError as error:
        say_error(error.what, error.fix)
        return error.exit_code
    except BrokenPipeError:
        discard(sys.stdout)
        return 128 + signal.SIGPIPE
    except MemoryError:
        say_error(*out_of_memory())
        return 1
    except OSError as error:  # standard output on a full disk, a folder that went away
        discard(sys.stdout)
        say_error(f"{error.filename or 'the output'}: {error.strerror}")
        return BadRequest.exit_code if error.errno == errno.ENAMETOOLONG else 1


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = _Parser(
        prog="halfpint",
        usage="halfpint [FOLDER] | halfpint COMMAND …",
        description="Turn detector weights into a deployable file of half the size, and prove that it still works. "
        "Without a command, the screen opens: it searches FOLDER (default: the current one) for weights.",
    )
    parser.add_argument("--version", action="version", version=f"halfpint {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    _add_export(commands.add_parser("export", help="export weights to ONNX and TorchScript, in FP32 and FP16"))
    _add_estimate(commands.add_parser("estimate", help="predict memory and file sizes, and whether it fits"))
    _add_inspect(commands.add_parser("inspect", help="tell what a weights file holds, without running it"))
    _add_halve(commands.add_parser("halve", help="halve any FP32 .onnx file to FP16, and compare the two"))
    _add_verify(commands.add_parser("verify", help="compare an exported file with the weights it was made from"))
    _add_measure_gpu(commands.add_parser("measure-gpu", help="measure what CUDA itself takes of a GPU, for estimates"))
    _add_demo(commands.add_parser("demo", help="make sample weights and export them"))
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a line and a way on."""

    def error(self, message: str) -> NoReturn:
        say_error(message, f"see {self.prog} --help")
        raise SystemExit(2)


class _NotATarget(argparse.Action):
    """Refuses a flag that serves a format which Halfpint does not write."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        flag = self.option_strings[0]
        parser.error(f"{flag} is for {_OTHER_FLAGS[flag]}, which is not a target of Halfpint")


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--weights", nargs="+", type=Path, required=True, metavar="W", help="weights files or folders, each a job")
    _add_size(parser)
    add(
        "--include",
        nargs="+",
        type=_format,
        default=[Format.ONNX],
        metavar="F",
        help="formats: onnx, torchscript (default onnx)",
    )
    add("--half", action="store_true", help="the same as --precision fp16")
    add(
        "--precision",
        nargs="+",
        type=Precision,
        choices=list(Precision),
        metavar="P",
        help="precisions: fp32, fp16 (default fp32)",
    )
    add("--half-io", action="store_true", help="FP16 input and outputs in FP16 files (default: FP32)")
    add("--dynamic", action="store_true", help="batch, height and width of an ONNX file may vary")
    add(
        "--opset",
        type=int,
        default=DEFAULT_OPSET,
        metavar="N",
        help=f"ONNX opset, {OPSETS[0]} to {OPSETS[-1]} (default {DEFAULT_OPSET})",
    )
    add("--simplify", action="store_true", help="run onnxsim, and keep its result if it is sound and no larger")
    add("--device", type=_device, default="cpu", metavar="D", help="cpu, or the index of a GPU (default cpu)")
    add("--out", type=Path, metavar="DIR", help="where the files go (default: beside the weights)")
    add(
        "--name",
        default="{stem}",
        metavar="T",
        help="the files' name, with {stem}, {height}, {width}, {batch} (default {stem})",
    )
    add("--overwrite", action="store_true", help="replace files that exist already")
    add(
        "--verify",
        choices=[mode.value for mode in VerifyMode],
        default=VerifyMode.FULL.value,
        help="full: against a float64 reference (default); quick: loads, runs, and FP16 resembles FP32",
    )
    add("--force", action="store_true", help="start also if the memory that is free will not do")
    add("--json", action="store_true", help="print events, one JSON line each")
    add("--data", help=argparse.SUPPRESS)
    add("--inplace", action="store_true", help=argparse.SUPPRESS)
    for flag in _OTHER_FLAGS:
        add(flag, nargs="*", action=_NotATarget, help=argparse.SUPPRESS)
    parser.set_defaults(run=_export)


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("weights", type=Path, metavar="W", help="a weights file or folder")
    _add_size(parser)
    add("--precision", type=Precision, choices=list(Precision), metavar="P", help="fp32 or fp16 (default fp32)")
    add("--half", action="store_true", help="the same as --precision fp16")
    add("--include", nargs="+", type=_format, default=[Format.ONNX], metavar="F", help="what the job would make")
    for flag in ("--half-io", "--dynamic", "--simplify"):
        add(flag, action="store_true", help="as for export")
    add("--device", type=_device, default="cpu", metavar="D", help="cpu, or the index of a GPU (default cpu)")
    add("--out", type=Path, metavar="DIR", help="where the files would go (default: beside the weights)")
    add("--verify", choices=[mode.value for mode in VerifyMode], default=VerifyMode.FULL.value, help="as for export")
    add("--map", action="store_true", help="draw which sizes fit")
    add("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_estimate)


def _add_size(parser: argparse.ArgumentParser) -> None:
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


def _add_measure_gpu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", type=_device, default="0", metavar="N", help="the index of a GPU (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_measure_gpu)


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="W", help="a weights file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_inspect)


def _add_halve(parser: argparse.ArgumentParser) -> None:
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
    parser.set_defaults(run=_halve)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="an .onnx or .torchscript file")
    parser.add_argument("--against", type=Path, required=True, metavar="W", help="the weights it was made from")
    parser.add_argument("--device", type=_device, default="cpu", metavar="D", help="cpu, or the index of a GPU")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_verify)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=Path("halfpint-demo"), metavar="DIR", help="where to")
    parser.add_argument("--headless", action="store_true", help="report in the terminal, open no screen")
    parser.set_defaults(run=_demo)


class _Size(argparse.Action):
    """One or two values."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if len(values) > 2:
            parser.error(f"--imgsz takes height and width, {len(values)} values are given")
        setattr(namespace, self.dest, values)


def _format(text: str) -> Format:
    if text in _OTHER_FORMATS:
        raise argparse.ArgumentTypeError(f"{text} ({_OTHER_FORMATS[text]}) is not a target of Halfpint")
    try:
        return Format(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"the format {text!r} is not known: give onnx or torchscript") from error


def _device(text: str) -> str:
    return text.removeprefix("cuda:")


def _export(args: argparse.Namespace) -> int:
    from .export import export

    return export(args)


def _estimate(args: argparse.Namespace) -> int:
    from .estimate import run

    return run(args)


def _measure_gpu(args: argparse.Namespace) -> int:
    from .measure_gpu import run

    return run(args)


def _inspect(args: argparse.Namespace) -> int:
    from .inspect import run

    return run(args)


def _halve(args: argparse.Namespace) -> int:
    from .halve import run

    return run(args)


def _verify(args: argparse.Namespace) -> int:
    from .verify import run

    return run(args)


def _demo(args: argparse.Namespace) -> int:
    from .demo import run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())
