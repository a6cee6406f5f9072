"""A spec as the `halfpint export` line that asks for it: the shortest one."""

from __future__ import annotations

import os
import shlex
from dataclasses import fields
from typing import Any

from .spec import ExportSpec
from .text import respelled


def arguments(spec: ExportSpec) -> list[str]:
    """The arguments after `halfpint`. What is the default is left out."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(ExportSpec)}
    line = ["export", "--weights", str(spec.weights)]

    def add(flag: str, *values: object) -> None:
        line.extend((flag, *map(str, values)))

    # Always told: without it, each family takes a default of its own.
    add("--imgsz", *((spec.height,) if spec.height == spec.width else (spec.height, spec.width)))
    if spec.batch != defaults["batch"]:
        add("--batch-size", spec.batch)
    if spec.formats != defaults["formats"]:
        add("--include", *spec.formats)
    if spec.precisions != defaults["precisions"]:
        add("--precision", *spec.precisions)
    for flag in ("half_io", "dynamic", "simplify", "overwrite", "force"):
        if getattr(spec, flag):
            add(f"--{flag.replace('_', '-')}")
    for flag in ("opset", "device", "verify"):
        if getattr(spec, flag) != defaults[flag]:
            add(f"--{flag}", getattr(spec, flag))
    if spec.name != defaults["name"]:
        line.append(f"--name={spec.name}")  # in one, for a name may begin with a hyphen
    if spec.out != spec.weights.parent:
        add("--out", spec.out)
    return line


def command(spec: ExportSpec) -> str:
    """The whole line, quoted for a shell; what would act on a terminal is written as `$'\\033'` (bash, zsh, ksh)."""
    return " ".join(map(_quoted, ("halfpint", *arguments(spec))))


def _quoted(argument: str) -> str:
    if respelled(argument, _octal) == argument:
        return shlex.quote(argument)
    return "$'" + respelled(argument.replace("\\", r"\\").replace("'", r"\'"), _octal) + "'"


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(char))
