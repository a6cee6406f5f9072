"""What the person has chosen so far, and what follows from it: findings, the spec, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..core.errors import BadRequest
from ..core.option import Option, Part, Switch, Values
from ..core.options import NAME, OUT, PRECISIONS, rows
from ..core.precisions import FLOATS
from ..core.shapes import MAX_BATCH, MAX_SIDE, RECOMMENDED, Finding, Level, findings, neighbours, orientation, spelled
from ..core.spec import ExportSpec, Recipe

if TYPE_CHECKING:
    from ..core.families.family import Facts

T = TypeVar("T")

# The stride of nearly every detector, until the highlighted checkpoint tells its own.
USUAL_STRIDE = 32


class Size(NamedTuple):
    """What is typed in the three fields; None where nothing is. Height and width in px."""

    height: int | None
    width: int | None
    batch: int | None

    def nearest(self, stride: int) -> Size:
        """Height and width, each as the nearest multiple of the stride; a tie goes up."""
        return self._each(lambda side: min(reversed(neighbours(side, stride)), key=lambda legal: abs(legal - side)))

    def lower(self, stride: int) -> Size:
        """Height and width, each as the multiple of the stride at or below; a legal size goes one stride down."""
        legal = self == self.lowered(stride)
        return self._each(lambda side: max(stride, side - stride)) if legal else self.lowered(stride)

    def higher(self, stride: int) -> Size:
        """Height and width, each as the multiple of the stride at or above; a legal size goes one stride up."""
        raised = self._each(lambda side: neighbours(side, stride)[1])
        return self._each(lambda side: min(MAX_SIDE, side + stride)) if raised == self else raised

    def lowered(self, stride: int) -> Size:
        """Height and width, each as the multiple of the stride at or below."""
        return self._each(lambda side: neighbours(side, stride)[0])

    def swapped(self) -> Size:
        """Height as width, width as height."""
        return self._replace(height=self.width, width=self.height)

    def stepped(self, field: str, steps: int, stride: int) -> Size:
        """One field so many steps on: a stride each for height and width (to multiples of it), 1 for the batch."""
        value = getattr(self, field) or 0
        if field == "batch":
            return self._replace(batch=max(1, min(MAX_BATCH, value + steps)))
        aligned = value - value % stride if steps > 0 else value + -value % stride
        return self._replace(**{field: max(stride, min(MAX_SIDE // stride * stride, aligned + steps * stride))})

    def _each(self, change: Callable[[int], int]) -> Size:
        height, width = (None if side is None else change(side) for side in (self.height, self.width))
        return self._replace(height=height, width=width)


# What the screen begins with: both precisions, because a half-size file is what it is for.
BEGINNING = Values().having(PRECISIONS, FLOATS)


@dataclass(frozen=True)
class Choices:
    """Everything on the screen that makes a job, apart from the weights. Numbers are None where none is typed."""

    height: int | None = 640
    width: int | None = 640
    batch: int | None = 1
    values: Values = BEGINNING
    pinned: bool = False  # the batch stays for other files, and is remembered
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # the last legal ones

    def __getitem__(self, option: Option[T]) -> T:
        return self.values[option]

    def having(self, option: Option[T], value: T) -> Choices:
        """The same choices, with one option as it is now."""
        return replace(self, values=self.values.having(option, value))

    @property
    def size(self) -> Size:
        return Size(self.height, self.width, self.batch)

    def with_size(self, size: Size) -> Choices:
        """The same choices at another size."""
        return replace(self, height=size.height, width=size.width, batch=size.batch)

    def size_for(self, facts: Facts) -> tuple[int, int]:
        """The size (height, width) to begin with for weights of these facts: the last one of their kind, or its own."""
        return self.sizes.get(kind_of(facts), facts.sizes.default)

    @property
    def folder(self) -> Path | None:
        """The folder that is typed for the artifacts; None for beside the weights."""
        typed = self[OUT].strip()
        return Path(typed).expanduser() if typed else None

    def spec(self, weights: Path | None) -> ExportSpec:
        """The job that is chosen; whether its size suits the weights is not asked. Raises `BadRequest`.

        A switch that nothing of the job has is left out: it stays on for the job that has it.
        """
        if weights is None:
            raise BadRequest("no weights are chosen", "put the cursor on a file")
        if self.height is None or self.width is None or self.batch is None:
            raise BadRequest("the size is not complete", "type height, width and batch")
        weights, folder = weights.absolute(), self.folder
        recipe = Recipe(values=self.values)
        values = self.values.having(NAME, self[NAME].strip() or NAME.default)
        for row in rows(Part.RECIPE):
            if isinstance(row.kind, Switch) and not recipe.concerns(row):
                values = values.having(row, False)
        out = folder.absolute() if folder else weights.parent
        return ExportSpec.of(weights, out, self.height, self.width, self.batch, values=values)


def kind_of(facts: Facts) -> str:
    """What weights share a size to begin with: those of one family and task."""
    return f"{facts.family} {facts.task}"


@dataclass(frozen=True)
class Assessment:
    """What follows from the choices: findings on the size, and the spec or the reason that there is none."""

    findings: tuple[Finding, ...] = field(default=())
    spec: ExportSpec | None = None
    obstacle: str = ""


def size_findings(size: Size, facts: Facts | None) -> tuple[Finding, ...]:
    """What there is to say about the size that is typed, for a checkpoint of these facts (None: not known)."""
    stride = facts.stride if facts else USUAL_STRIDE
    height, width, batch = size
    if height is None or width is None or batch is None:
        missing = " and ".join(name for name, value in size._asdict().items() if value is None)
        fix = f"type a multiple of {stride}" if None in (height, width) else "type 1 or more"
        return (Finding(Level.ERROR, "range", f"{missing}: nothing is typed", fix),)
    return findings(height, width, batch, stride, facts.sizes.recommended if facts else RECOMMENDED)


def described(size: Size) -> str:
    """A size in words: `800×608 (height×width), portrait, 1.3:1`."""
    if not size.height or not size.width:
        return ""
    ratio = max(size.height, size.width) / min(size.height, size.width)
    kind = orientation(size.height, size.width)
    return f"{spelled(size.height, size.width)} (height×width), {kind}" + (f", {ratio:.1f}:1" if ratio != 1 else "")


def assess(choices: Choices, weights: Path | None, facts: Facts | None, refusal: str = "") -> Assessment:
    """The spec of the job that the screen shows, or why it cannot be.

    `facts`: of the weights, as soon as they are known. `refusal`: why they cannot be exported, if they cannot.
    """
    found = size_findings(choices.size, facts)
    errors = [finding for finding in found if finding.level is Level.ERROR]
    if weights is None:
        return Assessment(found, obstacle="choose weights first")
    if refusal:
        return Assessment(found, obstacle=refusal)
    if facts is None:
        return Assessment(found, obstacle="the weights are still being looked at")
    if errors:
        return Assessment(found, obstacle=errors[0].sentence)
    try:
        return Assessment(found, spec=choices.spec(weights))
    except BadRequest as error:
        return Assessment(found, obstacle=f"{error.what}; {error.fix}" if error.fix else error.what)
