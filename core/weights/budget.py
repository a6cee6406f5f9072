"""What reading one weights file may cost: counted work, each kind with a limit that follows from the file's size.

A crafted file is small and asks for much: a list copied thousands of times, a tensor of 200,000 dimensions, modules
that hold themselves. Whoever does work in proportion to what a file says asks the file's budget first. The limits are
several times what the largest genuine checkpoints take, and low enough that reading ends within 2 s and 0.2 s a MB.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import WeightsRefused
from ..units import megabytes

MAX_NAME = 1024  # characters of a name, a dict's key or a module's path; genuine ones stay below 100
MAX_DIMS = 64  # of a tensor, as in torch (TensorIterator) and numpy 2
MAX_NUMEL = 2**63 - 1  # elements of a tensor; torch counts them in an int64
MAX_INTEGER_BITS = 512  # of an integer in a pickle; random generators' states have 128
MAX_NESTING = 64  # modules inside modules; a YOLOv5x6 nests 9 deep


@dataclass(frozen=True)
class Work:
    """A kind of work, and how often it may be done: `flat`, and `per_mb` more for each 10⁶ bytes of the file."""

    what: str
    flat: int
    per_mb: int

    def limit(self, nbytes: int) -> int:
        """How often it may be done for a file of so many bytes."""
        return self.flat + self.per_mb * nbytes // 1_000_000


# A YOLOv5x6 takes a fifth of each `flat` at most.
STEPS = Work("steps of its pickle", 600_000, 100_000)
CALLS = Work("calls in its pickle", 150_000, 20_000)
DIMENSIONS = Work("dimensions of its tensors", 100_000, 10_000)
COPIES = Work("elements that are copied", 200_000, 50_000)
ENTRIES = Work("entries of its archive", 20_000, 1_000)
MODULES = Work("modules", 6_000, 500)
VISITS = Work("visits to its modules and tensors", 100_000, 10_000)
LAYERS = Work("layers", 4_000, 250)
CONNECTIONS = Work("connections between its layers", 2_000, 100)
OPERATIONS = Work("operations of its network", 3_500, 250)
NAMES = Work("characters of class names", 1_000_000, 100_000)
WEIGHTS = Work("weights in its layers", 1_000_000, 1_000_000)
BYTES = Work("bytes of weights to be read", 16_000_000, 4_000_000)


class Budget:
    """The work that reading a file of `nbytes` bytes may still do."""

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes
        self._spent: dict[Work, int] = {}

    def left(self, work: Work) -> int:
        """How often a kind of work may still be done."""
        return work.limit(self._nbytes) - self._spent.get(work, 0)

    def spend(self, work: Work, count: int = 1) -> None:
        """Note that work is about to be done. Raises `WeightsRefused` if it is more than the budget allows."""
        if count > self.left(work):
            limit = work.limit(self._nbytes)
            raise WeightsRefused(
                f"it asks for more than {limit:,} {work.what}, which no checkpoint of {megabytes(self._nbytes)} needs",
                "nothing of it was run; do not load this file elsewhere unless you trust its author",
                hostile=True,
            )
        self._spent[work] = self._spent.get(work, 0) + count
