"""A plan: many jobs in one TOML file. What stands at its top goes for each `[[export]]` that does not say otherwise."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any, cast

from ..errors import BadRequest
from ..option import Option, SomeOf, Values
from ..options import OUT, rows
from ..shapes import Rounding
from ..spec import ExportSpec, same_files

_SIZE, _BATCH, _ROUND, _WEIGHTS, _EXPORTS = "imgsz", "batch-size", "round", "weights", "export"


@dataclass(frozen=True)
class Planned:
    """One job of a plan. `size`: height and width in px, None for the weights' own; `how` it is rounded, if it is."""

    spec: ExportSpec
    size: tuple[int, int] | None
    how: Rounding | None


def read(path: Path, given: Values) -> Sequence[Planned]:
    """The jobs of a plan, in its order: of each `[[export]]` the weights, and of each of those the sizes.

    `given`: options that hold where the plan says nothing. Paths begin at the plan's folder. Raises `BadRequest`.
    """
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"the plan {path} cannot be read: {error}") from error
    exports = plan.pop(_EXPORTS, None)
    if not _is_list(exports) or not all(isinstance(export, dict) for export in exports) or not exports:
        raise BadRequest(f"the plan {path} has nothing to export", f"add [[{_EXPORTS}]] and its {_WEIGHTS}")
    found: list[Planned] = []
    for number, export in enumerate(cast("list[dict[str, Any]]", exports), 1):
        try:
            found += _jobs({**plan, **export}, path.absolute().parent, given)
        except (ValueError, TypeError) as error:
            raise BadRequest(f"{path}, export {number}: {error}") from error
    _check_distinct(found, path)
    return found


def _jobs(export: Mapping[str, Any], folder: Path, given: Values) -> Iterator[Planned]:
    values = _values(export, given)
    if values[OUT]:
        values = values.having(OUT, str(folder / Path(values[OUT]).expanduser()))
    sizes, batch = _sizes(export.get(_SIZE)), export.get(_BATCH, 1)
    how = Rounding(export[_ROUND]) if _ROUND in export else None
    if type(batch) is not int:
        raise ValueError(f"{_BATCH}: {batch!r:.40} is no whole number")
    for weights in _weights(export.get(_WEIGHTS), folder):
        out = Path(values[OUT]) if values[OUT] else None
        for size in sizes:
            height, width = size or (640, 640)
            yield Planned(ExportSpec.of(weights, out, height, width, batch, values=values), size, how)


def _values(export: Mapping[str, Any], given: Values) -> Values:
    """The options of an export, which are named as flags are, without their dashes. Raises `ValueError`."""
    named: dict[str, Option[Any]] = {row.name: row for row in rows()}
    named |= {spelling.removeprefix("--"): row for row in rows() for spelling in row.spellings}
    values = given
    for name, plain in export.items():
        if name in (_SIZE, _BATCH, _ROUND, _WEIGHTS):
            continue
        row = named.get(name)
        if row is None:
            raise ValueError(f"{name!r} is not known: halfpint export --help lists what is")
        if isinstance(row.kind, SomeOf) and isinstance(plain, str):
            plain = [plain]
        try:
            values = values.having(row, row.kind.value(plain))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return values


def _weights(plain: Any, folder: Path) -> Iterator[Path]:
    """The files that one pattern or several name. Raises `ValueError` if a pattern finds none."""
    patterns: list[Any] = [plain] if isinstance(plain, str) else plain if _is_list(plain) else []
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise ValueError(f"{_WEIGHTS}: give a path, or a list of them")
    for pattern in patterns:
        path = folder / Path(pattern).expanduser()
        if not has_magic(pattern):
            yield path
            continue
        root = Path(path.anchor)
        matches = sorted(root.glob(str(path.relative_to(root))))
        if not matches:
            raise ValueError(f"{_WEIGHTS}: nothing is named {pattern!r}")
        yield from matches


def _sizes(plain: Any) -> Sequence[tuple[int, int] | None]:
    """Sizes in px: `640` is a square, `[800, 608]` height and width, `[640, [800, 608]]` are two sizes."""
    if plain is None:
        return (None,)
    if _is_size(plain):
        return (_size(plain),)
    if _is_list(plain) and plain and all(map(_is_size, plain)):
        return tuple(map(_size, plain))
    raise ValueError(f"{_SIZE}: {plain!r:.60} is no size: give 640, [800, 608], or a list of such")


def _is_size(plain: Any) -> bool:
    return type(plain) is int or (_is_list(plain) and len(plain) == 2 and all(type(side) is int for side in plain))


def _size(plain: Any) -> tuple[int, int]:
    return (plain, plain) if isinstance(plain, int) else (plain[0], plain[1])


def _is_list(plain: Any) -> bool:
    return isinstance(plain, list)


def _check_distinct(found: Sequence[Planned], path: Path) -> None:
    """Raises `BadRequest` if two jobs would write the same file."""
    for first, other in same_files(planned.spec for planned in found):
        raise BadRequest(
            f"{path}: two jobs would become {other.out / other.artifact_name}, of {first.weights} and {other.weights}",
            'give another out, or a name such as "{stem}-{height}x{width}"',
        )
