"""A proof on the user's own images, as lines: what is kept, lost and new, the score, and a bar for each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .widgets.bars import bar
from .widgets.lines import Line, plain

_WIDTH, _NAME = 20, 16  # cells of a bar, and of a class's name


def proof_lines(proof: Mapping[str, Any]) -> Iterator[Line]:
    """Of a proof as the manifest has it. Classes that lose most come first."""
    expected, kept, new, what = proof["expected"], proof["kept"], proof["new"], proof["what"]
    yield _row(f"all {what}", expected, kept, new, _score(proof["loss"]))
    for one in sorted(proof["classes"], key=_rank):
        yield _row(one["name"], one["expected"], one["kept"], one["new"], _score(one))


def _row(name: str, expected: int, kept: int, new: int, score: str) -> Line:
    lost = expected - kept
    kind = "good" if not lost and not new else "warning"
    drawn = bar([(kept, "█", kind), (lost, "░", "error")], expected, _WIDTH)
    told = f"{kept} of {expected}{f', {lost} lost' if lost else ''}{f', {new} new' if new else ''}"
    name = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    return (*plain(f"  {name:<{_NAME}} "), *drawn, (f" {told:<26}{score}", ""))


def _score(said: Mapping[str, Any] | None) -> str:
    """The score before and after, if there is one."""
    if said is None or said["reference"] is None:
        return ""
    title = f"{said['score']} " if "score" in said else ""
    return f"{title}{said['reference']:.3f} → {said['found'] or 0:.3f}"


def _rank(one: Mapping[str, Any]) -> tuple[float, int]:
    return (one["found"] or 0) - (one["reference"] or 0), one["kept"] - one["expected"] - one["new"]
