"""What a job is to do: weights, size, formats, precisions, where to. Frozen, and the same in JSON."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from .errors import BadRequest
from .formats import SUFFIXES, Format, Kind, Precision, root_of


class VerifyMode(StrEnum):
    """`full`: against the float64 reference. `quick`: the runtime alone (loads, weights, finite, FP16 against FP32)."""

    FULL = "full"
    QUICK = "quick"


DEFAULT_OPSET, OPSETS = 17, range(11, 22)
_MANIFEST_SUFFIX = ".halfpint.json"
# A file name has 255 bytes on Linux and macOS. Drafts add a dot and `.12345678.part` to the longest suffix.
_LONGEST_NAME = 255 - max(map(len, (*SUFFIXES, _MANIFEST_SUFFIX))) - 15
_LONGEST_TEMPLATE = 1000


@dataclass(frozen=True)
class ExportSpec:
    """One job: one weights file, made into one artifact for each format and precision.

    `height` and `width` in px; `rounded_from`: what was asked for, if they were rounded. `name`: a template
    of the artifacts' name with the fields {stem} (of the weights file), {height}, {width} and {batch}.
    `device`: `cpu`, or the index of a CUDA device. `force`: start also if the memory that is free will
    not do.
    """

    weights: Path
    out: Path
    height: int = 640
    width: int = 640
    batch: int = 1
    formats: tuple[Format, ...] = (Format.ONNX,)
    precisions: tuple[Precision, ...] = (Precision.FP32,)
    dynamic: bool = False
    opset: int = DEFAULT_OPSET
    half_io: bool = False
    simplify: bool = False
    device: str = "cpu"
    name: str = "{stem}"
    overwrite: bool = False
    verify: VerifyMode = VerifyMode.FULL
    rounded_from: tuple[int, int] | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Raises `BadRequest` for what no weights file could make right."""
        if self.opset not in OPSETS:
            raise BadRequest(f"opset {self.opset} is not written here", f"give {OPSETS[0]} to {OPSETS[-1]}")
        if not self.formats or not self.precisions:
            raise BadRequest("there is nothing to export", "give a format and a precision")
        if self.half_io and Precision.FP16 not in self.precisions:
            raise BadRequest("--half-io asks for FP16 input and output, but no FP16 artifact is made", "add --half")
        if self.simplify and Format.ONNX not in self.formats:
            raise BadRequest("--simplify works on ONNX, which is not exported", "add --include onnx")
        if self.device != "cpu" and not self.device.isdecimal():
            raise BadRequest(f"the device {self.device!r} is not known", "give cpu, or a GPU's index such as 0")
        self.artifact_name  # noqa: B018  a template that cannot be filled is told now

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is to be made, format by format."""
        return tuple(Kind(format, precision) for format in self.formats for precision in self.precisions)

    @property
    def artifact_name(self) -> str:
        """The name that all artifacts and the manifest share, without suffix. Raises `BadRequest`."""
        values = {"stem": self.weights.stem, "height": self.height, "width": self.width, "batch": self.batch}
        name = _filled(self.name, values)
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

    def has_half_io(self, kind: Kind) -> bool:
        """Whether an artifact takes and gives FP16."""
        return self.half_io and kind.precision is Precision.FP16

    def path(self, kind: Kind) -> Path:
        """Where an artifact will lie."""
        return self.out / f"{self.artifact_name}{kind.suffix}"

    @property
    def manifest(self) -> Path:
        """Where the manifest will lie."""
        return manifest_of(self.out, self.artifact_name)

    def to_json(self) -> str:
        return json.dumps({key: str(v) if isinstance(v, Path) else v for key, v in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> ExportSpec:
        """The inverse of `to_json`. Raises `ValueError` for anything else."""
        values = json.loads(text)
        if not isinstance(values, dict) or set(values) != {field.name for field in fields(cls)}:
            raise ValueError("not an export spec")
        return cls(
            **{
                **values,
                "weights": Path(values["weights"]),
                "out": Path(values["out"]),
                "formats": tuple(map(Format, values["formats"])),
                "precisions": tuple(map(Precision, values["precisions"])),
                "verify": VerifyMode(values["verify"]),
                "rounded_from": tuple(values["rounded_from"]) if values["rounded_from"] else None,
            }
        )


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
