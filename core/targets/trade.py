"""The trade that was made: which layers are kept in float, what each cost and what it brought."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..tables import table
from ..units import figure
from .budget import Loss
from .latency import Latency


@dataclass(frozen=True)
class Kept:
    """A layer, and the form it is kept in. `eight`: whether it is computed in 8-bit arithmetic.

    `weights`: how many it has. `nbytes`: what the file grew by for its sake. `moved`: the share of all that 8 bits move
    in the answers which this layer alone makes up in 8 bits; `brought`: the share that is gone in its form. `input`,
    `output`: how the ranges of what it reads and gives were chosen; empty for what is not in 8 bits.
    """

    layer: str
    form: str
    eight: bool
    weights: int
    nbytes: int
    moved: float
    brought: float
    input: str = ""
    output: str = ""


@dataclass(frozen=True)
class Try:
    """A file that was tried on all images: how many steps back to float, its bytes, and what it loses."""

    steps: int
    nbytes: int
    loss: Loss


@dataclass(frozen=True)
class Trade:
    """What came of a quantisation.

    `nbytes`, `full_nbytes`: of the file, and of the float32 one. `loss`: on the images; `max_loss`: what it may lose,
    in points. `made_on`, `aside`: on how many images it was made, and on how many others it was judged as well.
    `layers`: all of them, those in float first, in the order in which they went back. `tries`: the files that were
    tried on all images. `scheme`: how its 8-bit numbers are laid out, and why. `latency`, `full_latency`: of the file
    and of the float32 one, measured by turns on this machine; None if the file is for another machine.
    """

    nbytes: int
    full_nbytes: int
    loss: Loss
    max_loss: float
    made_on: int
    aside: int
    layers: tuple[Kept, ...]
    tries: tuple[Try, ...]
    scheme: str
    latency: Latency | None = None
    full_latency: Latency | None = None

    @property
    def ratio(self) -> float:
        """Its bytes / the float32 file's."""
        return self.nbytes / self.full_nbytes

    @property
    def in_float(self) -> tuple[Kept, ...]:
        """The layers that are not in 8-bit arithmetic."""
        return tuple(kept for kept in self.layers if not kept.eight)

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        eight = len(self.layers) - len(self.in_float)
        counted = f"{eight} of {len(self.layers)} layers in 8-bit arithmetic"
        allowed = f"{figure(self.max_loss)} allowed"
        return f"{self.ratio:.2f} × the float32 file; {lost(self.loss.points)} ({allowed}); {counted}"

    @property
    def images(self) -> str:
        """What it was made on, what it was judged on, and how sure that is, for people."""
        if not self.made_on:
            return ""
        made = f"made on {self.made_on} images" if self.made_on > 1 else "made on one image"
        aside, finer = self.loss.aside, self.loss.expected_aside
        if aside is None:
            told = f"{made}, and judged on the same: none was left to judge it on others"
        else:
            told = f"{made}, judged on these and {self.aside} others, on which it {lost(aside)}"
            if finer is not None and max(finer, 0) != max(aside, 0):
                told += f" ({lost(finer)} by a finer count)"
        if self.loss.error > self.max_loss:
            told += (
                f"; so few images do not tell such a loss for sure: on others of the same kind it may be"
                f" {figure(self.loss.error)} points more or less (standard error)"
            )
        return told

    @property
    def speed(self) -> str:
        """How long an image takes, for people; empty where that was not measured."""
        if self.latency is None or self.full_latency is None:
            return ""
        now, before = self.latency, self.full_latency
        times = now.median / before.median
        slower = ": slower on this CPU" if times > 1 else ""
        figures = f"{1e3 * now.median:.1f} ms an image ({1e3 * now.p95:.1f} at the 95th percentile)"
        return f"{figures}, float32 {1e3 * before.median:.1f} ({1e3 * before.p95:.1f}): {times:.2f} ×{slower}"

    @property
    def told(self) -> tuple[str, ...]:
        """All of it for people: sentences, and the table's lines."""
        return tuple(
            filter(None, (self.sentence, self.images, self.speed, self.scheme, *(self.lines if self.in_float else ())))
        )

    @property
    def lines(self) -> Sequence[str]:
        """The layers kept in float, as the lines of a table."""
        head = ("kept in float", "as", "cost, bytes", "brought")
        rows = [(k.layer, k.form, f"{k.nbytes:+,}" if k.nbytes else "0", f"{k.brought:.1%}") for k in self.in_float]
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
