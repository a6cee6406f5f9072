"""What a job is to do: weights, what is made of them, where it goes, how the job behaves. Frozen; the same in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from . import device_names
from .errors import BadRequest
from .kinds import Kind, all_suffixes, root_of
from .name_template import filled
from .option import NOTHING_GIVEN, Decimal, FilePath, Number, Option, Part, Switch, Values, read_values
from .options import (
    DATA,
    DEVICE,
    DYNAMIC,
    FORCE,
    HALF_IO,
    NAME,
    OUT,
    OVERWRITE,
    PRECISIONS,
    SAVE_IMAGES,
    TARGETS,
    VERIFY,
    VerifyMode,
    rows,
)
from .precisions import REFERENCE, Precision
from .precisions.dtype import DType
from .shapes import InputShape
from .targets import nms, targets
from .targets.target import Build, Target

T = TypeVar("T")

VERSION = 2  # of a spec in JSON; 1 called targets formats, and told no version
_MANIFEST_SUFFIX = ".halfpint.json"
# A file name has 255 bytes on Linux and macOS. Drafts add a dot and `.12345678.part` to the longest suffix.
_LONGEST_NAME = 255 - max(map(len, (*all_suffixes(), _MANIFEST_SUFFIX))) - 15


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
    values: Values = NOTHING_GIVEN
    rounded_from: tuple[int, int] | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is to be made, target by target."""
        return tuple(Kind(target, precision) for target in self[TARGETS] for precision in self[PRECISIONS])

    def build(self, kind: Kind, channels: int) -> Build:
        """How one artifact is made. `channels`: of the network's image."""
        return Build(
            kind.precision,
            InputShape(self.batch, channels, self.height, self.width),
            self.io(kind.precision),
            dynamic=self[DYNAMIC] or not kind.target.declares_sizes,
            device=self[DEVICE],
            values=self.values,
            nms=nms.chosen(self.values) if nms.NMS in kind.target.options else None,
        )

    def io(self, precision: Precision) -> DType:
        """What an artifact in a precision takes and gives."""
        return precision.ports(half_io=self[HALF_IO])

    def check(self) -> None:
        """Raises `BadRequest` for what no weights file could make right."""
        for row in rows(Part.RECIPE):
            if isinstance(row.kind, Number) and self[row] not in row.kind.range:
                first, last = row.kind.range[0], row.kind.range[-1]
                raise BadRequest(f"{row.title} {self[row]} is not possible", f"give {first} to {last} with {row.flag}")
            if isinstance(row.kind, Decimal) and not row.kind.least <= self[row] <= row.kind.most:
                wanted = f"give {row.kind.least:g} to {row.kind.most:g} with {row.flag}"
                raise BadRequest(f"{row.title} {self[row]:g} is not possible", wanted)
        if not self[TARGETS] or not self[PRECISIONS]:
            raise BadRequest("there is nothing to export", "give a target and a precision")
        if not device_names.known(self[DEVICE]):
            wanted = "give cpu, a GPU's index such as 0, several as in 0,1, or auto"
            raise BadRequest(f"the device {self[DEVICE]!r} is not known", wanted)
        for kind in self.kinds:
            if not kind.target.accepts(kind.precision):
                raise BadRequest(
                    f"there is no {kind.target.label} file in {kind.precision.label}",
                    f"leave out {TARGETS.flag} {kind.target} or {PRECISIONS.flag} {kind.precision}",
                )
        if self[nms.NMS] and self[nms.HEAD] is nms.Head.ONE_TO_ONE:
            what = f"the head {self[nms.HEAD]} finds each thing once: there is nothing to suppress"
            raise BadRequest(what, f"leave out {nms.NMS.flag} or {nms.HEAD.flag}")
        for precision in self[PRECISIONS]:
            if precision.needs_images and not self[DATA]:
                raise BadRequest(
                    f"{precision.label} needs images of yours: with ranges taken from noise it finds nothing",
                    f"give some with {DATA.flag}, as the network will see them; `halfpint quantise --int8-dynamic` of "
                    f"the {REFERENCE.label} file needs none, and is for models of matrix products",
                )
        for row in rows(Part.RECIPE):
            if isinstance(row.kind, Switch) and self[row] and not self.concerns(row):
                owners = [str(target) for target in owners_of(row)]
                wanted, flag = (owners, TARGETS.flag) if owners else (sorted(row.precisions or ()), PRECISIONS.flag)
                raise BadRequest(
                    f"{row.flag} works on {' and '.join(wanted)}, which is not exported", f"add {flag} {wanted[0]}"
                )

    def concerns(self, option: Option[Any]) -> bool:
        """Whether anything that is made has this option."""
        owners = owners_of(option)
        return (not owners or any(target in owners for target in self[TARGETS])) and (
            option.precisions is None or bool(option.precisions & set(map(str, self[PRECISIONS])))
        )


def owners_of(option: Option[Any]) -> tuple[Target, ...]:
    """The targets that an option is there for; none for one that is there for all."""
    return tuple(target for target in targets() if option in target.options)


@dataclass(frozen=True)
class Destination(_Chosen):
    """Where the artifacts go: the folder (empty: beside the weights), and the template of their name."""

    values: Values = NOTHING_GIVEN


@dataclass(frozen=True)
class Policy(_Chosen):
    """How the job behaves: what it may replace, how it verifies, whether it minds that memory is short."""

    values: Values = NOTHING_GIVEN


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
        for row in rows():
            if isinstance(row.kind, FilePath) and values[row]:  # a job's process may be somewhere else
                values = values.having(row, str(Path(values[row].strip()).expanduser().absolute()))
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
        name = filled(self.destination[NAME], values)
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

    def paths(self, kind: Kind) -> tuple[Path, ...]:
        """Where the files of an artifact will lie."""
        return tuple(self.out / f"{self.artifact_name}{suffix}" for suffix in kind.suffixes)

    def path(self, kind: Kind) -> Path:
        """Where the file that stands for all of them will lie."""
        return self.paths(kind)[0]

    def pictures(self, kind: Kind) -> tuple[Path, ...]:
        """Where the pictures of an artifact's proof will lie, as many as are asked for."""
        return picture_paths(self.path(kind), self.policy[SAVE_IMAGES])

    def pictures_of_failure(self, kind: Kind) -> tuple[Path, ...]:
        """Where they will lie if the artifact is not published."""
        path = self.path(kind)
        return picture_paths(path.with_name(f"{path.name}.failed"), self.policy[SAVE_IMAGES])

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
    def targets(self) -> tuple[Target, ...]:
        return self.recipe[TARGETS]

    @property
    def precisions(self) -> tuple[Precision, ...]:
        return self.recipe[PRECISIONS]

    @property
    def dynamic(self) -> bool:
        return self.recipe[DYNAMIC]

    @property
    def half_io(self) -> bool:
        return self.recipe[HALF_IO]

    def io(self, precision: Precision) -> DType:
        """What an artifact in a precision takes and gives."""
        return self.recipe.io(precision)

    @property
    def device(self) -> str:
        """`cpu`, a GPU's index, or a choice that whoever begins the job has still to make (`jobs/room.py`)."""
        return self.recipe[DEVICE]

    @property
    def one_device(self) -> bool:
        """Whether its device is one, and no choice among several."""
        return device_names.one(self.device)

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


def same_files(specs: Iterable[ExportSpec]) -> Iterator[tuple[ExportSpec, ExportSpec]]:
    """The pairs of jobs that would write the same files: each job with the first one that does so before it."""
    first: dict[Path, ExportSpec] = {}
    for spec in specs:
        other = first.setdefault(spec.manifest, spec)
        if other is not spec:
            yield other, spec


def picture_paths(path: Path, count: int) -> tuple[Path, ...]:
    """Where so many pictures of a file lie."""
    return tuple(path.with_name(f"{path.name}.{number}.png") for number in range(1, count + 1))


def manifest_of(folder: Path, name: str) -> Path:
    """Where the manifest of the artifacts of a name lies."""
    return folder / f"{name}{_MANIFEST_SUFFIX}"
