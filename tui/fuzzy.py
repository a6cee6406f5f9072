"""Which paths a person means who types parts of them: letters in order, anywhere; each word on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def matching(items: Sequence[T], texts: Sequence[str], wanted: str) -> list[T]:
    """The items in whose texts each word of `wanted` is found, letters in any case; in their order.

    Those that have every word as it is typed come first, then those that have its letters with others between.
    """
    words = wanted.casefold().split()
    if not words:
        return list(items)
    whole: list[T] = []
    scattered: list[T] = []
    patterns = [re.compile(".*?".join(map(re.escape, word)), re.DOTALL) for word in words]
    for item, text in zip(items, texts, strict=True):
        folded = text.casefold()
        if all(word in folded for word in words):
            whole.append(item)
        elif all(pattern.search(folded) for pattern in patterns):
            scattered.append(item)
    return [*whole, *scattered]
