"""How the blocks of a network are wired: layers, each fed by the image or earlier layers, and a head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ...network.ops import Ops, ShapeMismatch
from .blocks import Block, Join

T = TypeVar("T")


class Head(Protocol):
    """Feature maps in, the network's outputs out."""

    def __call__(self, ops: Ops[T], xs: Sequence[T]) -> tuple[T, ...]: ...


@dataclass(frozen=True, eq=False)
class Step:
    """A layer with one source. Sources count from the image, 0; the first layer's output is 1."""

    block: Block
    source: int

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)

    def __call__(self, ops: Ops[T], outputs: Sequence[T]) -> T:
        return self.block(ops, outputs[self.source])


@dataclass(frozen=True, eq=False)
class Merge:
    """A layer with several sources."""

    block: Join
    sources: tuple[int, ...]

    def __call__(self, ops: Ops[T], outputs: Sequence[T]) -> T:
        return self.block(ops, [outputs[source] for source in self.sources])


@dataclass(frozen=True, eq=False)
class YoloBody:
    """The whole network. An output is let go of as soon as the last layer that reads it has run.

    `done[i]`: the outputs that nothing reads after layer i.
    """

    layers: tuple[Step | Merge, ...]
    head: Head
    head_sources: tuple[int, ...]
    done: tuple[tuple[int, ...], ...]

    def __call__(self, ops: Ops[T], x: T) -> tuple[T, ...]:
        outputs: list[T] = [x]
        for number, (layer, done) in enumerate(zip(self.layers, self.done, strict=True)):
            with _telling(number):
                outputs.append(layer(ops, outputs))
            for index in done:
                outputs[index] = x
        with _telling(len(self.layers)):
            return self.head(ops, [outputs[source] for source in self.head_sources])


@contextmanager
def _telling(layer: int) -> Iterator[None]:
    """Put the layer's number before what does not fit in it."""
    try:
        yield
    except ShapeMismatch as error:
        raise ShapeMismatch(f"layer {layer}: {error}") from error


def wire(layers: Sequence[Step | Merge], head: Head, head_sources: Sequence[int]) -> YoloBody:
    """The network of these layers, with the moment found at which each output is no longer needed."""
    last_reader = {source: len(layers) for source in head_sources}
    for index in reversed(range(len(layers))):
        for source in layers[index].sources:
            last_reader.setdefault(source, index)
    done: list[list[int]] = [[] for _ in layers]
    for source, reader in sorted(last_reader.items()):
        if source and reader < len(layers):
            done[reader].append(source)
    return YoloBody(tuple(layers), head, tuple(head_sources), tuple(map(tuple, done)))
