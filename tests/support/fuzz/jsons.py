"""JSON with some of its values changed, and now and then no JSON any more."""

from __future__ import annotations

import json
from typing import Any

from support.fuzz.dice import Dice


def changed(value: Any, dice: Dice) -> bytes:
    """The value as text, changed in one place or in a few. `value`: a dict, of which a copy is changed."""
    root = [json.loads(json.dumps(value))]
    for _ in range(dice.few()):
        _change(root, dice)
    text = json.dumps(root[0]).encode()
    match dice.randrange(12):
        case 0:
            return dice.bytes_changed(text)
        case 1:
            return text[: dice.randrange(len(text) + 1)]
        case 2:
            place = dice.randrange(len(text))
            return text[:place] + dice.one_of(b"[" * 5000, b'{"":' * 5000, b"9" * 5000, b"1e999", b"NaN") + text[place:]
        case _:
            return text


def _change(root: list[Any], dice: Dice) -> None:
    """Change one value somewhere inside."""
    holder: Any = root
    while True:
        keys = list(range(len(holder))) if isinstance(holder, list) else list(holder)
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(holder[key], dict | list) and holder[key] and dice.chance(0.85):
            holder = holder[key]
            continue
        break
    match dice.randrange(6):
        case 0:
            del holder[key]
            if holder is root:
                root.append(dice.one_of(None, [], {}))
        case 1 if isinstance(holder, dict):
            holder[dice.text(list(holder))] = holder[key]
        case 2 if isinstance(holder, list):
            holder[:0] = [holder[key]] * min(dice.times(), 100)
        case 3:
            for _ in range(dice.one_of(1, 2, 60, 120, 300)):
                holder[key] = [holder[key]] if dice.chance(0.5) else {"x": holder[key]}
        case _:
            holder[key] = _value(dice)


def _value(dice: Dice) -> Any:
    plain = dice.one_of(dice.integer(), dice.real(), dice.text(), None, True, False)
    return dice.one_of(plain, plain, plain, [plain], {"": plain}, [], {}, [plain] * 1000)
