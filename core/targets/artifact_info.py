"""What an artifact tells of itself, whoever made it: bytes by dtype and operator, its contract, its producer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .contract import Port

LARGEST = 20  # tensors that are listed


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file. `dtype`: its name in numpy. `operator`: the kind of node that reads it, empty if unknown."""

    name: str
    dtype: str
    dims: tuple[int, ...]
    nbytes: int
    operator: str = ""


@dataclass(frozen=True)
class OperatorUse:
    """A kind of operator: how many nodes are of it, and the bytes of the stored tensors that they read."""

    name: str
    count: int
    nbytes: int


@dataclass(frozen=True)
class ArtifactInfo:
    """The facts of an artifact, read as data.

    `inputs`, `outputs`: empty where the format declares none. `facts`: what its format says of itself, such as its
    opset. `properties`: what its exporter wrote into it. `dtypes`: bytes of the stored tensors by dtype, the most
    first. `operators`: the most bytes first. `largest`: at most `LARGEST` tensors. `elsewhere`: bytes of tensors that
    lie in other files. `notes`: bytes of what no runtime needs: documentation, stack traces, debug records.
    """

    producer: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    facts: Mapping[str, str]
    properties: Mapping[str, str]
    dtypes: Mapping[str, int]
    operators: tuple[OperatorUse, ...]
    largest: tuple[StoredTensor, ...]
    tensors: int
    notes: int = 0
    elsewhere: int = 0

    @property
    def weights_nbytes(self) -> int:
        """Bytes of all stored tensors, those in other files included."""
        return sum(self.dtypes.values())

    def to_dict(self) -> dict[str, Any]:
        """The facts, as JSON has them."""
        return asdict(self)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> ArtifactInfo:
        """The facts that `to_dict` gave. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        return cls(
            producer=str(said["producer"]),
            inputs=tuple(map(Port.of, said["inputs"])),
            outputs=tuple(map(Port.of, said["outputs"])),
            facts=_texts(said["facts"]),
            properties=_texts(said["properties"]),
            dtypes={str(name): int(nbytes) for name, nbytes in said["dtypes"].items()},
            operators=tuple(OperatorUse(str(u["name"]), int(u["count"]), int(u["nbytes"])) for u in said["operators"]),
            largest=tuple(_tensor(tensor) for tensor in said["largest"]),
            tensors=int(said["tensors"]),
            notes=int(said["notes"]),
            elsewhere=int(said["elsewhere"]),
        )


@dataclass
class Tally:
    """Counts what a file holds, while it is walked through once."""

    tensors: list[StoredTensor] = field(default_factory=list[StoredTensor])
    nodes: Counter[str] = field(default_factory=Counter[str])

    def dtypes(self) -> Mapping[str, int]:
        """Bytes by dtype, the most first."""
        nbytes: Counter[str] = Counter()
        for tensor in self.tensors:
            nbytes[tensor.dtype] += tensor.nbytes
        return dict(nbytes.most_common())

    def operators(self) -> tuple[OperatorUse, ...]:
        """Each kind of operator, the most bytes first; of equally many bytes, the most nodes."""
        nbytes: Counter[str] = Counter()
        for tensor in self.tensors:
            if tensor.operator:
                nbytes[tensor.operator] += tensor.nbytes
        uses = (OperatorUse(name, count, nbytes[name]) for name, count in self.nodes.items())
        return tuple(sorted(uses, key=lambda use: (-use.nbytes, -use.count, use.name)))

    def largest(self) -> tuple[StoredTensor, ...]:
        """The largest tensors, the largest first."""
        return tuple(sorted(self.tensors, key=lambda tensor: (-tensor.nbytes, tensor.name))[:LARGEST])


def _texts(said: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(name): str(text) for name, text in said.items()}


def _tensor(said: Mapping[str, Any]) -> StoredTensor:
    dims = tuple(int(dim) for dim in said["dims"])
    return StoredTensor(str(said["name"]), str(said["dtype"]), dims, int(said["nbytes"]), str(said["operator"]))
