"""A spec as the `halfpint export` line that asks for it: the shortest one."""

from __future__ import annotations

import os
import shlex

from .option import Switch
from .options import rows
from .spec import ExportSpec, Recipe
from .text import respelled


def arguments(spec: ExportSpec) -> list[str]:
    """The arguments after `halfpint`. What is the default is left out."""
    recipe, values = spec.recipe, spec.values
    line = ["export", "--weights", str(spec.weights)]
    # Always told: without it, each family takes a default of its own.
    sides = (recipe.height,) if recipe.height == recipe.width else (recipe.height, recipe.width)
    line += ["--imgsz", *map(str, sides)]
    if recipe.batch != Recipe.batch:
        line += ["--batch-size", str(recipe.batch)]
    for row in rows():
        value = row.kind.plain(values[row])
        if values[row] == row.default or (row.serves is not None and not values[row.serves]):
            continue
        if isinstance(row.kind, Switch):
            line.append(row.flag)
        elif str(value).startswith("-"):
            line.append(f"{row.flag}={value}")  # in one, or the parser takes it for a flag
        else:
            line += [row.flag, *(value if isinstance(value, list) else [str(value)])]
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
