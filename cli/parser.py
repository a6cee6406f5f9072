"""The parser of the command: its subcommands. What one takes is imported once its turn has come."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..core.version import VERSION
from .console import say_error


@dataclass(frozen=True)
class Subcommand:
    """`halfpint NAME`, and a line of help. The `run` of the module of its name does it."""

    name: str
    help: str

    @property
    def module(self) -> str:
        """The module of this package that does it."""
        return self.name.replace("-", "_")


SUBCOMMANDS = (
    Subcommand("export", "export weights, in the targets and precisions that you name, and verify"),
    Subcommand("estimate", "predict memory and file sizes, and whether it fits"),
    Subcommand("inspect", "tell what a weights file or an exported file holds, without running it"),
    Subcommand("halve", "halve any FP32 .onnx file to FP16, and compare the two"),
    Subcommand("quantise", "quantise any FP32 .onnx file to INT8 on images of yours, within a budget"),
    Subcommand("slim", "take out of any .onnx file what no runtime needs, and compare the two"),
    Subcommand("compare", "put two exported files side by side: bytes, graph, answers"),
    Subcommand("verify", "compare an exported file with the weights it was made from"),
    Subcommand("jobs", "list, show, follow, cancel and retry jobs, whoever started them"),
    Subcommand("snippet", "print a short program that finds things in pictures with an exported file"),
    Subcommand("measure-gpu", "measure what CUDA itself takes of a GPU, for estimates"),
    Subcommand("demo", "make sample weights and export them"),
)


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
        commands.add_parser(command.name, help=command.help, module=command.module)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a line and a way on. That of a `module` gets its arguments when it is to parse."""

    def __init__(self, *args: Any, module: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._module = module

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self._module:
            from .subcommands import ARGUMENTS

            ARGUMENTS[self._module](self)
            self.set_defaults(module=self._module)
            self._module = ""
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        say_error(message, f"see {self.prog} --help")
        raise SystemExit(2)
