"""Find a state dict in a checkpoint, whatever it lies under and whatever its wrappers put before its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..weights.tensors import Tensor

_MAX_KEYS = 100_000


@dataclass(frozen=True)
class StateDict:
    """Tensors by key, as the network itself calls them.

    `part`: the checkpoint's key that it lies under, empty where it is the whole file.
    """

    tensors: Mapping[str, Tensor]
    part: str


def state_dicts(root: object) -> Iterator[StateDict]:
    """Every dict of tensors in a checkpoint, at most two levels deep: EMAs first, as YOLOv5's own loader takes them."""
    yield from _found(root, "")
    if isinstance(root, dict):
        parts = [(str(key), value) for key, value in root.items() if isinstance(value, dict)]
        for part, value in sorted(parts, key=lambda item: "ema" not in item[0].lower()):
            yield from _found(value, part)
            for inner in value.values():
                yield from _found(inner, part)


def unwrapped(state: StateDict, keys: Collection[str]) -> StateDict:
    """The state dict without what wrappers (`module.`, `model.module.`, …) put before its keys.

    `keys`: those that the network has. The beginning behind which most of them stand is taken away.
    """
    beginnings: Counter[str] = Counter()
    for key in state.tensors:
        names = key.split(".")
        for i in range(len(names)):
            if ".".join(names[i:]) in keys:
                beginnings[".".join((*names[:i], ""))] += 1
    ((beginning, _),) = beginnings.most_common(1) or (("", 0),)
    # A key without the beginning keeps its own name, marked where it would be taken for another.
    tensors = {
        key.removeprefix(beginning) if key.startswith(beginning) else f"{key} (without {beginning})": tensor
        for key, tensor in state.tensors.items()
    }
    return StateDict(tensors, state.part)


def _found(value: object, part: str) -> Iterator[StateDict]:
    if isinstance(value, dict) and len(value) <= _MAX_KEYS:
        tensors = {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, Tensor)}
        if tensors:
            yield StateDict(tensors, part)
