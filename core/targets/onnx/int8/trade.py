"""The trade that was made: which layers are kept in float, what each cost and what it brought."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ....tables import table
from ....units import figure
from .forms import Form


@dataclass(frozen=True)
class Kept:
    """A layer, and the form it is kept in.

    `weights`: how many it has. `nbytes`: what the file grew by for its sake. `moved`: the share of all that 8 bits move
    in the answers which this layer alone makes up in 8 bits; `brought`: the share that is gone in its form. `input`,
    `output`: how the ranges of what it reads and gives were chosen; empty for what is not in 8 bits.
    """

    layer: str
    form: Form
    weights: int
    nbytes: int
    moved: float
    brought: float
    input: str = ""
    output: str = ""


@dataclass(frozen=True)
class Try:
    """A file that was tried: how many steps back to float, its bytes, and what it loses: in points, what is expected
    by a finer count, and the standard error of that.
    """

    steps: int
    nbytes: int
    points: float
    expected: float
    error: float


@dataclass(frozen=True)
class Trade:
    """What came of a quantisation.

    `nbytes`, `full_nbytes`: of the file, and of the float32 one. `points`, `expected`, `error`: what it loses on the
    images, as a `Try` has it; `max_loss`: what it may lose. `layers`: all of them, those in float first, in the order
    in which they went back. `tries`: the files that were tried on all images. `scheme`: how its 8-bit numbers are laid
    out, and why.
    """

    nbytes: int
    full_nbytes: int
    points: float
    expected: float
    error: float
    max_loss: float
    layers: tuple[Kept, ...]
    tries: tuple[Try, ...]
    scheme: str

    @property
    def ratio(self) -> float:
        """Its bytes / the float32 file's."""
        return self.nbytes / self.full_nbytes

    @property
    def in_float(self) -> tuple[Kept, ...]:
        """The layers that are not in 8-bit arithmetic."""
        return tuple(kept for kept in self.layers if kept.form is not Form.INT8)

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        eight = len(self.layers) - len(self.in_float)
        counted = f"{eight} of {len(self.layers)} layers in 8-bit arithmetic"
        allowed = f"{figure(self.max_loss)} allowed"
        return f"{self.ratio:.2f} × the float32 file; {lost(self.points)} ({allowed}); {counted}"

    @property
    def lines(self) -> Sequence[str]:
        """The layers kept in float, as the lines of a table."""
        head = ("kept in float", "as", "cost, bytes", "brought")
        rows = [
            (k.layer, str(k.form), f"{k.nbytes:+,}" if k.nbytes else "0", f"{k.brought:.1%}") for k in self.in_float
        ]
        return table([head, *rows])

    def to_dict(self) -> Mapping[str, Any]:
        """The trade for JSON."""
        return asdict(self)

    def to_csv(self) -> str:
        """All layers, one a line."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("layer", "form", "weights", "bytes_added", "moved_share", "brought_share", "input", "output"))
        for k in self.layers:
            shares = (f"{k.moved:.6g}", f"{k.brought:.6g}")
            writer.writerow((k.layer, k.form, k.weights, k.nbytes, *shares, k.input, k.output))
        return text.getvalue()


def lost(points: float) -> str:
    """What a file loses, for people."""
    return f"loses {figure(points)} points" if points > 0 else "loses nothing"
