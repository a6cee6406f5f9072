"""The options of a job, a row each, in the order in which people are shown them.

A new option is a row here, or one of a target's own, and where its value matters `recipe[ROW]` reads it; nothing else
lists options.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from .option import Choice, Choices, Decimal, Device, FilePath, Number, OneOf, Option, Part, SomeOf, Switch, Text
from .precisions import ALL_PRECISIONS, HALF, REFERENCE, Precision
from .targets import default_target, targets
from .targets.nms import HEAD
from .targets.target import Target


class VerifyMode(StrEnum):
    """`full`: against the reference. `quick`: the runtime alone (loads, weights, finite, FP16 against FP32)."""

    FULL = "full"
    QUICK = "quick"


class IfHeld(StrEnum):
    """What a job does while another one makes files of its name."""

    WAIT = "wait"
    REFUSE = "refuse"


def _targets() -> Iterator[Choice[Target]]:
    for target in targets():
        yield Choice(target, target.label, target.help)


def _precisions() -> Iterator[Choice[Precision]]:
    for precision in ALL_PRECISIONS:
        yield Choice(precision, precision.label, precision.help)


def _modes() -> Iterator[Choice[VerifyMode]]:
    yield Choice(VerifyMode.FULL, "full", "against a reference")
    yield Choice(VerifyMode.QUICK, "quick", "loads, runs, and FP16 resembles FP32")


def _if_held() -> Iterator[Choice[IfHeld]]:
    yield Choice(IfHeld.WAIT, "wait", "until the other is over")
    yield Choice(IfHeld.REFUSE, "refuse", "and tell who it is")


_MODES = Choices(_modes)

TARGETS = Option(
    "targets",
    SomeOf(Choices(_targets)),
    (default_target(),),
    Part.RECIPE,
    "what to make",
    flags=("--include",),
    metavar="F",
    formerly=("formats",),
)
PRECISIONS = Option(
    "precisions",
    SomeOf(Choices(_precisions)),
    (REFERENCE,),
    Part.RECIPE,
    "every file is made in each of them",
    flags=("--precision",),
    metavar="P",
    shorthands={"--half": HALF.name},  # as YOLOv5 spells it
)
DEVICE = Option(
    "device",
    Device(),
    "cpu",
    Part.RECIPE,
    "where files are traced and tried: cpu, a GPU's index, several (0,1), or auto: the one with room",
    title="device",
    metavar="D",
)
DYNAMIC = Option(
    "dynamic",
    Switch(),
    False,
    Part.RECIPE,
    "batch, height and width of a file may vary",
    title="dynamic axes",
)
HALF_IO = Option(
    "half_io",
    Switch(),
    False,
    Part.RECIPE,
    "FP16 files also take and give FP16",
    title="FP16 I/O",
    precisions=frozenset(precision.name for precision in ALL_PRECISIONS if precision.has_io),
)
OVERWRITE = Option(
    "overwrite",
    Switch(),
    False,
    Part.POLICY,
    "replace files that exist already",
    title="overwrite",
    # It would replace files in a later session that nobody thinks of.
    remembered=False,
)
VERIFY = Option(
    "verify",
    OneOf(_MODES),
    VerifyMode.FULL,
    Part.POLICY,
    "; ".join(f"{mode.spelling}: {mode.help}" for mode in _MODES.all),
    title="verify",
)
OUT = Option(
    "out",
    Text("beside the weights"),
    "",
    Part.DESTINATION,
    "the folder where the files go; empty: beside the weights",
    title="folder",
    metavar="DIR",
    formerly=("folder",),
)
NAME = Option(
    "name",
    Text("{stem}"),
    "{stem}",
    Part.DESTINATION,
    "the files' name, with {stem}, {height}, {width} and {batch}",
    title="name",
    metavar="T",
)
DATA = Option(
    "data",
    FilePath("none"),
    "",
    Part.RECIPE,
    "images of yours: a folder, a list (.txt), a YOLOv5 data set (.yaml) or an .npz; each file is proved on them",
    title="images",
    metavar="PATH",
)
IMAGES = Option(
    "images",
    Number(range(1, 100_001)),
    128,
    Part.RECIPE,
    "how many of those images, evenly chosen",
    title="number of images",
    metavar="N",
    shown=False,
)
MAX_LOSS = Option(
    "max_loss",
    Decimal(0.0, 100.0),
    0.5,
    Part.RECIPE,
    "on those images, lose so many points at most: of mAP50-95, or of text regions' F-score",
    title="most loss",
    metavar="P",
    shown=False,
)
SAVE_IMAGES = Option(
    "save_images",
    Number(range(65)),
    0,
    Part.POLICY,
    "beside each file, draw so many of those images with what is found before and after; where most changes first",
    title="images to save",
    metavar="N",
    serves=DATA,
    remembered=False,
    shown=False,
)
FORCE = Option(
    "force",
    Switch(),
    False,
    Part.POLICY,
    "start also if the memory that is free will not do",
    remembered=False,
    shown=False,
)
IF_HELD = Option(
    "if_held",
    OneOf(Choices(_if_held)),
    IfHeld.WAIT,
    Part.POLICY,
    "while another job makes files of the same name: wait for it, or refuse and tell which one it is",
    title="if another makes them",
    remembered=False,
    shown=False,
)
CLUSTER = Option(
    "cluster",
    Text("none"),
    "",
    Part.POLICY,
    "have a Dask cluster do the job: the address of its scheduler, tcp://HOST:PORT or tls://HOST:PORT",
    title="cluster",
    metavar="ADDRESS",
    remembered=False,
    shown=False,
)

ROWS: list[Option[Any]] = [
    TARGETS, PRECISIONS, *dict.fromkeys(row for target in targets() for row in target.options),
    HEAD, DEVICE, DYNAMIC, HALF_IO, DATA, IMAGES, MAX_LOSS, SAVE_IMAGES, OVERWRITE, VERIFY, OUT, NAME, FORCE, IF_HELD,
    CLUSTER,
]  # fmt: skip


def rows(part: Part | None = None) -> tuple[Option[Any], ...]:
    """All options, or those of one part."""
    return tuple(row for row in ROWS if part in (None, row.part))
