"""Replay of PyTorch's caching CUDA allocator: from what a program allocates to what it reserves on the GPU.

The rules and their constants are those of torch 2.13 (c10/core/AllocatorConfig.h, c10/cuda/CUDACachingAllocator.cpp)
in its default configuration: one stream, no expandable segments, no limit to splitting.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

# (key, bytes) of a tensor that is born; (key, minus its bytes) when it is let go of.
Step: TypeAlias = tuple[int, int]

ROUND = 512  # every block is a multiple of it
_SMALL = 2**20  # blocks up to this size come from the small pool
_SMALL_SEGMENT = 2 * 2**20
_LARGE_SEGMENT = 20 * 2**20
_MIN_LARGE = 10 * 2**20  # from here on, a segment is as large as its block
_ROUND_LARGE = 2 * 2**20


@dataclass(frozen=True)
class Replayed:
    """What a program made of the allocator, in bytes: at their highest, and at the end."""

    peak_allocated: int
    peak_reserved: int
    allocated: int
    reserved: int


def replay(steps: Sequence[Step]) -> Replayed:
    """Run the steps through an empty allocator that has all the memory it wants."""
    allocator = _Allocator()
    blocks: dict[int, _Block] = {}
    for key, nbytes in steps:
        if nbytes > 0:
            blocks[key] = allocator.allocate(nbytes)
        elif nbytes < 0:
            allocator.free(blocks.pop(key))
    return Replayed(allocator.peak_allocated, allocator.peak_reserved, allocator.allocated, allocator.reserved)


class _Block:
    """A piece of a segment. Its neighbours are those of the same segment, by address."""

    __slots__ = ("address", "after", "before", "free", "size", "small")

    def __init__(self, address: int, size: int, small: bool) -> None:
        self.address, self.size, self.small = address, size, small
        self.before: _Block | None = None
        self.after: _Block | None = None
        self.free = True


class _Allocator:
    """The free blocks of both pools, ordered as the allocator searches them: by size, then by address."""

    def __init__(self) -> None:
        self.allocated = self.reserved = self.peak_allocated = self.peak_reserved = 0
        self._address = 0
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self._at: dict[int, _Block] = {}

    def allocate(self, nbytes: int) -> _Block:
        size = max(ROUND, -(-nbytes // ROUND) * ROUND)
        small = size <= _SMALL
        block = self._best(size, small) or self._segment(size, small)
        if block.size - size >= ROUND if small else block.size - size > _SMALL:
            self._split(block, size)
        block.free = False
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)
        return block

    def free(self, block: _Block) -> None:
        self.allocated -= block.size
        for neighbour in (block.before, block.after):
            if neighbour is not None and neighbour.free:
                self._take(neighbour)
                block = self._merged(*sorted((block, neighbour), key=lambda b: b.address))
        block.free = True
        self._put(block)

    def _best(self, size: int, small: bool) -> _Block | None:
        """The smallest free block that is large enough."""
        free = self._free[small]
        place = bisect_left(free, (size, -1))
        if place == len(free):
            return None
        block = self._at[free[place][1]]
        self._take(block)
        return block

    def _segment(self, size: int, small: bool) -> _Block:
        """A new segment as one block."""
        if small:
            total = _SMALL_SEGMENT
        elif size < _MIN_LARGE:
            total = _LARGE_SEGMENT
        else:
            total = -(-size // _ROUND_LARGE) * _ROUND_LARGE
        self.reserved += total
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        block = _Block(self._address, total, small)
        self._address += total
        return block

    def _split(self, block: _Block, size: int) -> None:
        rest = _Block(block.address + size, block.size - size, block.small)
        rest.before, rest.after = block, block.after
        if rest.after is not None:
            rest.after.before = rest
        block.after, block.size = rest, size
        self._put(rest)

    def _merged(self, first: _Block, second: _Block) -> _Block:
        first.size += second.size
        first.after = second.after
        if first.after is not None:
            first.after.before = first
        return first

    def _put(self, block: _Block) -> None:
        insort(self._free[block.small], (block.size, block.address))
        self._at[block.address] = block

    def _take(self, block: _Block) -> None:
        free = self._free[block.small]
        del free[bisect_left(free, (block.size, block.address))]
        del self._at[block.address]
