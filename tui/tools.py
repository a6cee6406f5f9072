"""What can be done with an exported file: each is a command of the shell, run beside the screen. One row, one key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

# From the file, and the weights that it was made from or else those under the cursor; None: it takes weights.
Arguments: TypeAlias = Callable[[Path, "Path | None"], "tuple[str, ...] | None"]


@dataclass(frozen=True)
class Tool:
    """A command: its name, key and title, a line of help, and its arguments, None where weights are missing.

    `makes`: whether a new file may lie there afterwards. `module`: that Python runs.
    """

    name: str
    key: str
    title: str
    help: str
    arguments: Arguments
    makes: bool = False
    module: str = "halfpint.cli.entry"


def _against(path: Path, weights: Path | None) -> tuple[str, ...] | None:
    return None if weights is None else ("verify", str(path), "--against", str(weights))


TOOLS = (
    Tool("inspect", "i", "Inspect", "What the file holds and takes, whoever made it", lambda p, _: ("inspect", str(p))),
    Tool("verify", "v", "Verify", "Hold it against its weights, or those under the cursor", _against),
    Tool("halve", "h", "Halve", "Make an FP16 file of an FP32 one", lambda p, _: ("halve", str(p)), makes=True),
    Tool(
        "latency",
        "b",
        "Latency",
        "Its time for an image in its runtime: median, 95th percentile, beside FP32",
        lambda p, _: (str(p),),
        module="halfpint.cli.latency",
    ),
)


def tool_named(name: str) -> Tool:
    """Raises `StopIteration` for a name that no tool has."""
    return next(tool for tool in TOOLS if tool.name == name)
