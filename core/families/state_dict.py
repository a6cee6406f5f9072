"""Find a state dict in a checkpoint, whatever it lies under and whatever its wrappers put before its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..errors import WeightsRefused
from ..weights.keys import told
from ..weights.tensors import Tensor

_MAX_KEYS, _MAX_DICTS = 100_000, 10_000
_MAX_WRAPPERS = 8  # names before a key, one more than were ever seen


@dataclass(frozen=True)
class StateDict:
    """Tensors by key, as the network itself calls them.

    `part`: the checkpoint's key that it lies under, empty where it is the whole file.
    """

    tensors: Mapping[str, Tensor]
    part: str


def state_dicts(root: object) -> Iterator[StateDict]:
    """Every dict of tensors in a checkpoint, at most two levels deep: EMAs first, as YOLOv5's own loader takes them.

    Each is given once, wherever else it stands. Raises `WeightsRefused` for more tensors or dicts than any checkpoint
    has.
    """
    seen: set[int] = set()
    count = 0
    for part, value in _dicts(root):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > _MAX_DICTS:
            raise WeightsRefused(f"it has more than {_MAX_DICTS:,} dicts at its top, which no checkpoint needs")
        tensors = {key: item for key, item in value.items() if isinstance(key, str) and isinstance(item, Tensor)}
        count += len(tensors)
        if count > _MAX_KEYS:
            raise WeightsRefused(f"it has more than {_MAX_KEYS:,} tensors by name, which no checkpoint needs")
        if tensors:
            yield StateDict(tensors, part)


def _dicts(root: object) -> Iterator[tuple[str, dict[object, object]]]:
    """The root and the dicts in it, and those in these, each with the root's key that it lies under."""
    if not isinstance(root, dict):
        return
    yield "", root
    opened: set[int] = set()  # one that stands under many keys is gone through once
    emas_first = sorted(root.items(), key=lambda item: not (isinstance(item[0], str) and "ema" in item[0].lower()))
    for key, value in emas_first:
        if isinstance(value, dict) and id(value) not in opened:
            opened.add(id(value))
            part = key if isinstance(key, str) else told(key)
            yield part, value
            yield from ((part, inner) for inner in value.values() if isinstance(inner, dict))


def unwrapped(state: StateDict, keys: Collection[str]) -> StateDict:
    """The state dict without what wrappers (`module.`, `model.module.`, …) put before its keys.

    `keys`: those that the network has. The beginning behind which most of them stand is taken away.
    """
    beginnings: Counter[str] = Counter()
    for key in state.tensors:
        place = 0
        for _ in range(_MAX_WRAPPERS):
            if key[place:] in keys:
                beginnings[key[:place]] += 1
            place = key.find(".", place) + 1
            if not place:
                break
    ((beginning, _),) = beginnings.most_common(1) or (("", 0),)
    # A key without the beginning keeps its own name, marked where it would be taken for another.
    tensors = {
        key.removeprefix(beginning) if key.startswith(beginning) else f"{key} (without {beginning})": tensor
        for key, tensor in state.tensors.items()
    }
    return StateDict(tensors, state.part)
