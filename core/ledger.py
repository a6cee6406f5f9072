"""The ledger: why a file has its size, and why an export is twice its checkpoint. Bytes by part and dtype."""

from __future__ import annotations

from dataclasses import dataclass

from .inspect import WeightsInfo
from .precisions import Precision
from .units import megabytes, spelled_dtype
from .weights.parts import STRUCTURE


@dataclass(frozen=True)
class Entry:
    """So many bytes of a file, and what they are."""

    what: str
    nbytes: int


@dataclass(frozen=True)
class Ledger:
    """A file's bytes, part by part, and the sentence that explains them."""

    entries: tuple[Entry, ...]
    explanation: str

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self.entries)


def source_ledger(info: WeightsInfo) -> Ledger:
    """The bytes of a weights file: the model by dtype, what training left behind, the structure."""
    entries: list[Entry] = []
    for part in info.parts:
        if part.used:
            entries += [Entry(f"weights in {spelled_dtype(s.dtype)}", s.nbytes) for s in info.stored]
        else:
            entries.append(Entry(part.name, part.nbytes))
    explanation = "; ".join(f"{entry.what} {megabytes(entry.nbytes)}" for entry in entries)
    return Ledger(tuple(entries), explanation)


def artifact_ledger(info: WeightsInfo, precision: Precision, nbytes: int, weights_nbytes: int) -> Ledger:
    """The bytes of an artifact next to its checkpoint's.

    `nbytes`: of the file. `weights_nbytes`: of the weights in it, batch norm folded in, at its precision.
    """
    stored = info.stored[0] if info.stored else None
    target = precision.label
    if stored is None:
        change = f"weights {megabytes(weights_nbytes)} in {target}"
    else:
        change = (
            f"weights {megabytes(stored.nbytes)} in {spelled_dtype(stored.dtype)} → "
            f"{megabytes(weights_nbytes)} in {target}"
        )
    structure = nbytes - weights_nbytes
    left = [f"{part.name} {megabytes(part.nbytes)}" for part in info.parts if not part.used and part.name != STRUCTURE]
    explanation = f"{change}; graph and metadata {megabytes(structure)}"
    if left:
        explanation += f"; left behind: {', '.join(left)}"
    return Ledger((Entry(f"weights in {target}", weights_nbytes), Entry("graph and metadata", structure)), explanation)
