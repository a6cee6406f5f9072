"""What a job is to do: weights, what is made of them, where it goes, how the job behaves. Frozen; the same in JSON."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from .errors import BadRequest
from .formats import SUFFIXES, Format, Kind, root_of
from .option import Option, Part, Switch, Values, read_values
from .options import (
    DEVICE,
    DYNAMIC,
    FORCE,
    HALF_IO,
    NAME,
    OPSET,
    OPSETS,
    OUT,
    OVERWRITE,
    PRECISIONS,
    SIMPLIFY,
    TARGETS,
    VERIFY,
    VerifyMode,
    rows,
)
from .precisions import Precision
from .precisions.dtype import DType

T = TypeVar("T")
DEFAULTS = Values()

VERSION = 2  # of a spec in JSON; 1 called targets formats, and told no version
_MANIFEST_SUFFIX = ".halfpint.json"
# A file name has 255 bytes on Linux and macOS. Drafts add a dot and `.12345678.part` to the longest suffix.
_LONGEST_NAME = 255 - max(map(len, (*SUFFIXES, _MANIFEST_SUFFIX))) - 15
_LONGEST_TEMPLATE = 1000


class _Chosen:
    """A part of a spec: what is chosen for its options."""

    values: Values

    def __getitem__(self, option: Option[T]) -> T:
        return self.values[option]


@dataclass(frozen=True)
class Recipe(_Chosen):
    """What is made: height and width in px, images in a batch, and the options that decide over the files.

    `rounded_from`: the height and width that were asked for, if they were rounded.
    """

    height: int = 640
    width: int = 640
    batch: int = 1
    values: Values = DEFAULTS
    rounded_from: tuple[int, int] | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is to be made, target by target."""
        return tuple(Kind(target, precision) for target in self[TARGETS] for precision in self[PRECISIONS])

    def io(self, precision: Precision) -> DType:
        """What an artifact in a precision takes and gives."""
        return precision.ports(half_io=self[HALF_IO])

    def check(self) -> None:
        """Raises `BadRequest` for what no weights file could make right."""
        if self[OPSET] not in OPSETS:
            raise BadRequest(f"opset {self[OPSET]} is not written here", f"give {OPSETS[0]} to {OPSETS[-1]}")
        if not self[TARGETS] or not self[PRECISIONS]:
            raise BadRequest("there is nothing to export", "give a target and a precision")
        if self[DEVICE] != "cpu" and not self[DEVICE].isdecimal():
            raise BadRequest(f"the device {self[DEVICE]!r} is not known", "give cpu, or a GPU's index such as 0")
        for row in rows(Part.RECIPE):
            if isinstance(row.kind, Switch) and self[row] and not self.concerns(row):
                wanted = sorted(row.targets or row.precisions or ())
                flag = TARGETS.flag if row.targets else PRECISIONS.flag
                raise BadRequest(
                    f"{row.flag} works on {' and '.join(wanted)}, which is not exported", f"add {flag} {wanted[0]}"
                )

    def concerns(self, option: Option[Any]) -> bool:
        """Whether anything that is made has this option."""
        return (option.targets is None or bool(option.targets & set(map(str, self[TARGETS])))) and (
            option.precisions is None or bool(option.precisions & set(map(str, self[PRECISIONS])))
        )


@dataclass(frozen=True)
class Destination(_Chosen):
    """Where the artifacts go: the folder (empty: beside the weights), and the template of their name."""

    values: Values = DEFAULTS


@dataclass(frozen=True)
class Policy(_Chosen):
    """How the job behaves: what it may replace, how it verifies, whether it minds that memory is short."""

    values: Values = DEFAULTS


@dataclass(frozen=True)
class ExportSpec:
    """One job: one weights file, made into one artifact for each target and precision."""

    weights: Path
    recipe: Recipe = Recipe()
    destination: Destination = Destination()
    policy: Policy = Policy()

    def __post_init__(self) -> None:
        """Raises `BadRequest` for what no weights file could make right."""
        self.recipe.check()
        self.artifact_name  # noqa: B018  a template that cannot be filled is told now

    @classmethod
    def of(
        cls,
        weights: Path,
        out: Path | None = None,
        height: int = 640,
        width: int = 640,
        batch: int = 1,
        *,
        rounded_from: tuple[int, int] | None = None,
        values: Values | None = None,
        **named: Any,
    ) -> Self:
        """A job of `values`, and of options by their names. `out`: the folder (None: beside the weights).

        Raises `BadRequest` for what no weights file could make right, `TypeError` for an option that is not known.
        """
        values = values or Values()
        options = {row.name: row for row in rows()}
        if unknown := named.keys() - options.keys():
            raise TypeError(f"not known: {', '.join(sorted(unknown))}")
        for name, value in named.items():
            values = values.having(options[name], value)
        if out is not None:
            values = values.having(OUT, str(out))
        if Path(values[OUT]) == weights.parent:  # said in one way alone, so that equal jobs are equal
            values = values.having(OUT, OUT.default)
        recipe = Recipe(height, width, batch, values.of(rows(Part.RECIPE)), rounded_from)
        destination = Destination(values.of(rows(Part.DESTINATION)))
        return cls(weights, recipe, destination, Policy(values.of(rows(Part.POLICY))))

    @property
    def values(self) -> Values:
        """All options of the job."""
        return Values({**self.recipe.values.given, **self.destination.values.given, **self.policy.values.given})

    def having(self, option: Option[T], value: T) -> ExportSpec:
        """The same job, with one option as it is now. Raises `BadRequest` as the constructor does."""
        part = {Part.RECIPE: self.recipe, Part.DESTINATION: self.destination, Part.POLICY: self.policy}[option.part]
        return replace(self, **{option.part: replace(part, values=part.values.having(option, value))})

    def sized(self, height: int, width: int, rounded_from: tuple[int, int] | None = None) -> ExportSpec:
        """The same job at another size, in px."""
        return replace(self, recipe=replace(self.recipe, height=height, width=width, rounded_from=rounded_from))

    @property
    def out(self) -> Path:
        """The folder where the artifacts go."""
        return Path(self.destination[OUT]) if self.destination[OUT] else self.weights.parent

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is to be made, target by target."""
        return self.recipe.kinds

    @property
    def artifact_name(self) -> str:
        """The name that all artifacts and the manifest share, without suffix. Raises `BadRequest`."""
        recipe = self.recipe
        values = {"stem": self.weights.stem, "height": recipe.height, "width": recipe.width, "batch": recipe.batch}
        name = _filled(self.destination[NAME], values)
        if not name or name in (".", "..") or "/" in name or "\0" in name:
            raise BadRequest(f"{name!r} is no file name", "give --out for the folder, --name for the name alone")
        nbytes = len(os.fsencode(name))
        if nbytes > _LONGEST_NAME:
            raise BadRequest(
                f"the name {name[:40]}… is too long: {nbytes} bytes, with its suffixes {_LONGEST_NAME} are possible",
                "give a shorter one with --name",
            )
        return name

    @property
    def root(self) -> str:
        """The name that one job at a time works on in its folder."""
        return root_of(self.artifact_name)

    def path(self, kind: Kind) -> Path:
        """Where an artifact will lie."""
        return self.out / f"{self.artifact_name}{kind.suffix}"

    @property
    def manifest(self) -> Path:
        """Where the manifest will lie."""
        return manifest_of(self.out, self.artifact_name)

    # ---- short ways to what is asked for most often

    @property
    def height(self) -> int:
        return self.recipe.height

    @property
    def width(self) -> int:
        return self.recipe.width

    @property
    def batch(self) -> int:
        return self.recipe.batch

    @property
    def rounded_from(self) -> tuple[int, int] | None:
        return self.recipe.rounded_from

    @property
    def formats(self) -> tuple[Format, ...]:
        return self.recipe[TARGETS]

    @property
    def precisions(self) -> tuple[Precision, ...]:
        return self.recipe[PRECISIONS]

    @property
    def dynamic(self) -> bool:
        return self.recipe[DYNAMIC]

    @property
    def opset(self) -> int:
        return self.recipe[OPSET]

    @property
    def half_io(self) -> bool:
        return self.recipe[HALF_IO]

    def io(self, precision: Precision) -> DType:
        """What an artifact in a precision takes and gives."""
        return self.recipe.io(precision)

    @property
    def simplify(self) -> bool:
        return self.recipe[SIMPLIFY]

    @property
    def device(self) -> str:
        return self.recipe[DEVICE]

    @property
    def overwrite(self) -> bool:
        return self.policy[OVERWRITE]

    @property
    def verify(self) -> VerifyMode:
        return self.policy[VERIFY]

    @property
    def force(self) -> bool:
        return self.policy[FORCE]

    # ---- JSON

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON has it."""
        recipe = self.recipe
        return {
            "version": VERSION,
            "weights": str(self.weights),
            "height": recipe.height,
            "width": recipe.width,
            "batch": recipe.batch,
            "rounded_from": recipe.rounded_from,
            **self.values.plain(rows()),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> ExportSpec:
        """The inverse of `to_json`, for what other versions wrote too: it fills in what is missing.

        What it does not know it ignores. Raises `ValueError` for anything that is no spec.
        """
        plain: Any = json.loads(text)
        if not isinstance(plain, dict) or not isinstance(plain.get("weights"), str):
            raise ValueError("not an export spec")
        numbers = {name: plain[name] for name in ("height", "width", "batch") if name in plain}
        if not all(type(number) is int for number in numbers.values()):
            raise ValueError("a size of whole numbers is wanted")
        weights, values = Path(plain["weights"]), read_values(plain, rows())
        rounded = plain.get("rounded_from")
        try:
            asked = (int(rounded[0]), int(rounded[1])) if rounded else None
            return cls.of(weights, values=values, **numbers, rounded_from=asked)
        except (BadRequest, TypeError, IndexError) as error:
            raise ValueError(str(error)) from error


def manifest_of(folder: Path, name: str) -> Path:
    """Where the manifest of the artifacts of a name lies."""
    return folder / f"{name}{_MANIFEST_SUFFIX}"


def _filled(template: str, values: Mapping[str, object]) -> str:
    """A name template with its fields filled in: plain ones alone, no `{height:>9}` or `{stem.x}`.

    Raises `BadRequest` for any other.
    """
    help = "its fields are " + ", ".join(f"{{{field}}}" for field in values)
    if len(template) > _LONGEST_TEMPLATE:
        raise BadRequest(f"the name template has {len(template):,} characters", f"{_LONGEST_TEMPLATE} are possible")
    filled: list[str] = []
    try:
        for text, field, format, conversion in string.Formatter().parse(template):
            filled.append(text)
            if field is None:
                continue
            if field not in values:
                raise BadRequest(f"the name template {template!r} uses unknown fields", help)
            if format or conversion:
                raise BadRequest(f"the name template {template!r} formats {field}; fields are plain here", help)
            filled.append(str(values[field]))
    except ValueError as error:
        raise BadRequest(f"the name template {template!r} cannot be filled", help) from error
    return "".join(filled)
