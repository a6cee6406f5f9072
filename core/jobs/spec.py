"""What a job is to do: weights, size, formats, precisions, where to. Frozen, and the same in JSON."""

from __future__ import annotations

import json
import os
import string
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from ..errors import BadRequest
from ..formats import Format, Kind, Precision


class VerifyMode(StrEnum):
    """`full`: against the float64 reference. `quick`: ONNX Runtime alone (loads, finite, shapes, FP16 against FP32)."""

    FULL = "full"
    QUICK = "quick"


DEFAULT_OPSET, OPSETS = 17, range(11, 22)
MANIFEST_SUFFIX = ".halfpint.json"
_LONGEST_NAME = 255  # bytes: NAME_MAX of Linux and of nearly every file system


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
        help = "its fields are " + ", ".join(f"{{{field}}}" for field in values)
        try:
            for _, field, more, conversion in string.Formatter().parse(self.name):
                if field is not None and field not in values:
                    raise BadRequest(f"the name template {self.name!r} uses unknown fields", help)
                if more or conversion:
                    raise BadRequest(f"the name template {self.name!r} formats a field; only plain ones work", help)
            name = self.name.format(**values)
        except ValueError as error:
            raise BadRequest(f"the name template {self.name!r} cannot be filled", help) from error
        if not name or name in (".", "..") or "/" in name or "\0" in name:
            raise BadRequest(f"{name!r} is no file name", "give --out for the folder, --name for the name alone")
        nbytes = len(os.fsencode(name)) + max(map(len, (MANIFEST_SUFFIX, *(kind.suffix for kind in self.kinds))))
        if nbytes > _LONGEST_NAME:
            what = f"with this name, a file's name would have {nbytes} bytes, and {_LONGEST_NAME} are allowed"
            raise BadRequest(what, "give --name for a shorter one")
        return name

    def has_half_io(self, kind: Kind) -> bool:
        """Whether an artifact takes and gives FP16."""
        return self.half_io and kind.precision is Precision.FP16

    @property
    def constant_grids(self) -> bool:
        """Whether an ONNX file holds what depends on its size as constants."""
        return self.simplify and not self.dynamic

    def path(self, kind: Kind) -> Path:
        """Where an artifact will lie."""
        return self.out / f"{self.artifact_name}{kind.suffix}"

    @property
    def manifest(self) -> Path:
        """Where the manifest will lie."""
        return self.out / f"{self.artifact_name}{MANIFEST_SUFFIX}"

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
