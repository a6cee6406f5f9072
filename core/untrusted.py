"""Text from untrusted files, made safe to show."""

from __future__ import annotations


def printable(text: str, limit: int = 80) -> str:
    """`text` from an untrusted file, safe to show: one line, no control characters, at most `limit` characters."""
    safe = "".join(c if c.isprintable() else "?" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."
