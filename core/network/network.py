"""A described network: what it computes, what goes in and comes out, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from ..errors import BadRequest
from ..shapes import InputShape
from .ops import Ops
from .preparation import UNIT_RGB, Fit, Pixels, Preparation
from .result import Layout, Result

T = TypeVar("T")
# A tensor's dimensions: a number where fixed, a name where dynamic, None where a file does not say.
Dims: TypeAlias = tuple[int | str | None, ...]


class Body(Protocol):
    """The computation itself: a dataclass of layers whose call speaks `Ops`."""

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]:
        """The outputs, for an N×C×H×W image."""
        ...


@dataclass(frozen=True)
class Component:
    """Part of an output that is judged by itself: a slice along an axis, or all of it."""

    name: str  # "boxes", "confidences", …
    output: int  # index into `Network.outputs`
    start: int = 0
    stop: int | None = None
    unit: str = ""  # "px" for boxes
    axis: int = -1


@dataclass(frozen=True)
class Output:
    """An output tensor: its name and its axes, fixed sizes as numbers and the others by name."""

    name: str
    axes: Dims


@dataclass(frozen=True, eq=False)
class Network:
    """A network of a known family, ready for every reading.

    `stride`: height and width must be multiples of it. `names`: the classes, by index. `components`:
    what verification compares, each with its own yardstick. `result`: what a person keeps of an answer; None where
    the numbers are all there is. `layout`: how boxes lie in the first output, where that is known. `head`: which of
    its model's heads it ends in, where there are several; `heads`: the networks of the others, by theirs. `fit`,
    `pixels`: what is done to a picture before. `properties`: what its files tell, for one size, beside what all files
    tell.
    """

    family: str
    task: str  # "detect", "segment", "classify", …
    body: Body
    channels: int
    stride: int
    outputs: tuple[Output, ...]
    components: tuple[Component, ...]
    names: Mapping[int, str]
    input_name: str = "images"
    result: Result | None = None
    layout: Layout | None = None
    head: str = ""
    heads: Mapping[str, Network] = field(default_factory=dict[str, "Network"])
    fit: Fit = Fit.SQUARE
    pixels: Pixels = UNIT_RGB
    properties: Callable[[InputShape], Mapping[str, str]] = field(default=lambda _: {})

    def with_head(self, head: str, default: str) -> Network:
        """The network of the same model that ends in a head. `default`: what those with a single one are asked for too.

        Raises `BadRequest` for a head that the model does not have.
        """
        if head == self.head or (not self.head and head == default):
            return self
        if head not in self.heads:
            what = "has one head" if not self.head else f"has no head {head}"
            raise BadRequest(f"this network of {self.family} {what}: there is no {head} to export", "leave out --head")
        return self.heads[head]

    def preparation(self, height: int, width: int) -> Preparation:
        """What is done to a picture that the network takes at a size, px."""
        return Preparation(self.channels, height, width, self.stride, self.fit, self.pixels)
