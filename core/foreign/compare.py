"""Two exported files side by side, of whatever kinds and makers: what they hold, how far apart their answers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import ArtifactRefused
from ..images.source import ImageSource, open_images
from ..images.synthetic import image_for
from ..network.preparation import Fit, Pixels, Preparation
from ..proof.answers_alone import AnswersAlone, counts_for
from ..sandbox.process import SaidNo
from ..sandbox.wire import Array
from ..shapes import InputShape
from ..targets.contract import Dims
from ..targets.loaded import told
from ..targets.provenance import preparation_in
from .allowances import Load, reading, unweighed
from .inspect import Inspected, inspect_artifact
from .opened import ForeignFile, LoadedForeign

_DRAWN = (("any", 0), ("any", 1), ("text", 0), ("text", 1))  # test images, where the user gives none
_SIZE = (640, 640)


@dataclass(frozen=True)
class Drift:
    """How far one output is from the same of the other file, over all images.

    `name`: in the first file, and `other` in the second. `share`: the root mean square of the difference as a share of
    the first one's standard deviation. `largest`: the largest difference.
    """

    name: str
    other: str
    share: float
    largest: float


@dataclass(frozen=True)
class Apart:
    """How far the answers of the second file are from the first one's.

    `images`, `shape`, `preparation`: what both answered. `drifts`: by output. `points`: what the second loses, of a
    score of 100, and `units`: what a point is. `reason`: why there is nothing to tell, if so.
    """

    images: int = 0
    shape: str = ""
    preparation: str = ""
    drifts: tuple[Drift, ...] = ()
    points: float | None = None
    units: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """Both files' facts, and how far apart their answers are. `same`: whether they are the same byte for byte."""

    first: Inspected
    second: Inspected
    apart: Apart

    @property
    def same(self) -> bool:
        return [*self.first.sha256s.values()] == [*self.second.sha256s.values()]

    @property
    def operators(self) -> Mapping[str, tuple[int, int]]:
        """How many nodes of each kind there are in both, of those that are not as many; of files of one format."""
        if self.first.target is not self.second.target:
            return {}
        one, other = ({use.name: use.count for use in each.info.operators} for each in (self.first, self.second))
        names = dict.fromkeys((*one, *other))
        return {
            name: (one.get(name, 0), other.get(name, 0)) for name in names if one.get(name, 0) != other.get(name, 0)
        }

    @property
    def properties(self) -> Mapping[str, tuple[str, str]]:
        """What the two say of themselves, where it is not the same."""
        one, other = ({**each.info.facts, **_bare(each.info.properties)} for each in (self.first, self.second))
        names = dict.fromkeys((*one, *other))
        return {name: (one.get(name, ""), other.get(name, "")) for name in names if one.get(name) != other.get(name)}


@dataclass(frozen=True)
class Images:
    """What both are to answer: `data`: images of the user, and how many; `size`: height and width, px, for files that
    take any; `pixels`: what pictures become, where the files do not tell. None: the files' own, or ours.
    """

    data: Path | None = None
    count: int = 128
    size: tuple[int, int] | None = None
    pixels: Pixels | None = None


def compare_files(first: Path, second: Path, asked: Images) -> Comparison:
    """Look at both files as data, then run both on the same images, each in a sandbox.

    Raises `BadRequest` for files that are missing and images that cannot be used, `ArtifactRefused` for what is no
    artifact, does not load or goes beyond what it may take.
    """
    images = open_images(asked.data, asked.count) if asked.data is not None else None
    facts = inspect_artifact(first), inspect_artifact(second)
    with ForeignFile(first) as one, ForeignFile(second) as other:
        one.looked()
        other.looked()
        apart = _apart(_Opened(one), _Opened(other), facts, asked, images)
    return Comparison(*facts, apart)


class _Opened:
    """A file in its runtime. What a run of it may take is known once its size is."""

    def __init__(self, file: ForeignFile) -> None:
        self._file = file
        self._loads: dict[InputShape, Load] = {}
        with _refusing(file):
            self.loaded = LoadedForeign(file, self._load)

    @property
    def dims(self) -> Dims:
        """The dimensions of the image that it takes; none where it does not tell."""
        return self.loaded.contract.input.dims if self.loaded.contract is not None else ()

    @property
    def dtype(self) -> str:
        return self.loaded.contract.input.dtype if self.loaded.contract is not None else "float32"

    @property
    def outputs(self) -> Sequence[str]:
        """The names of its outputs; none where it does not tell."""
        return [port.name for port in self.loaded.contract.outputs] if self.loaded.contract is not None else []

    def run(self, image: Array) -> tuple[Array, ...]:
        with _refusing(self._file):
            return self.loaded.run(image)

    def _load(self, shape: InputShape) -> Load:
        """By the shapes within it where these are known, else by its bytes and its image."""
        if shape not in self._loads:
            try:
                allowance = reading(self._file.nbytes)
                said, _ = self._file.sandbox.ask("needs", "weighing it", allowance, size=shape.size)
                weighed = Load(int(said["peak"]), int(said["products"]))
            except ArtifactRefused:  # a format whose shapes are not known before it runs
                weighed = unweighed(self._file.nbytes, shape)
            self._loads[shape] = weighed
        return self._loads[shape]


def _apart(
    one: _Opened, other: _Opened, facts: tuple[Inspected, Inspected], asked: Images, images: ImageSource | None
) -> Apart:
    try:
        shape = _shape(one, other, asked)
        preparation = _preparation(shape, facts, asked)
    except ValueError as error:
        return Apart(reason=str(error))
    stream = _Stream(preparation, shape.batch, images)
    apart = Apart(preparation=preparation.name if images is not None else "test images", shape=str(shape))
    first, last = (file.run(next(stream())) for file in (one, other))
    names, others = (
        list(file.outputs) if len(file.outputs) == len(answer) else [f"output {i}" for i in range(len(answer))]
        for file, answer in ((one, first), (other, last))
    )
    pairs = _pairs(names, others)
    if not pairs:
        return replace(apart, reason=f"one file has {len(names)} outputs, the other {len(others)}, of other names")
    for i, k in pairs:
        if first[i].shape != last[k].shape:
            shapes = " and ".join("×".join(map(str, each.shape)) for each in (first[i], last[k]))
            return replace(apart, reason=f"{names[i]} and {others[k]} have different shapes: {shapes}")
    return _measured(apart, stream, (one, other), pairs, names, others)


def _measured(
    apart: Apart,
    stream: _Stream,
    files: tuple[_Opened, _Opened],
    pairs: Sequence[tuple[int, int]],
    names: Sequence[str],
    others: Sequence[str],
) -> Apart:
    def answers() -> Iterator[tuple[Array, Sequence[Array]]]:
        for image in stream():
            answer = files[0].run(image)
            # Both in the wider type: a file whose answers are float16 is no other file for that.
            yield image, [_wide(answer[i]) for i, _ in pairs]

    sums = [_Sums() for _ in pairs]
    try:
        alone = AnswersAlone(counts_for([names[i] for i, _ in pairs], answers), _noted(answers, sums), ())
    except ValueError as error:
        return replace(apart, reason=f"{error}: nothing can be compared")
    loss = alone.loss(_Second(files[1], [k for _, k in pairs], sums))
    drifts = (Drift(names[i], others[k], *each.drift) for (i, k), each in zip(pairs, sums, strict=True))
    return replace(apart, images=stream.count, drifts=tuple(drifts), points=loss.points, units=tuple(alone.units))


class _Sums:
    """The error of one output, added up image by image."""

    def __init__(self) -> None:
        self.wanted: Array | None = None
        self._error = self._count = self._total = self._squares = self._largest = 0.0

    def add(self, got: Array) -> None:
        assert self.wanted is not None
        x = self.wanted.astype(np.float64)
        difference = got.astype(np.float64) - x
        self._error += float(np.square(difference).sum())
        self._largest = max(self._largest, float(np.abs(difference).max(initial=0)))
        self._count, self._total = self._count + x.size, self._total + float(x.sum())
        self._squares += float(np.square(x).sum())

    @property
    def drift(self) -> tuple[float, float]:
        """The root mean square of the error as a share of the spread, and the largest."""
        count = max(self._count, 1.0)
        variance = max(self._squares / count - (self._total / count) ** 2, 0.0)
        error = self._error / count
        share = float(np.sqrt(error / variance)) if variance > 0 else (0.0 if error == 0 else float("inf"))
        return share, self._largest


def _noted(
    answers: Callable[[], Iterator[tuple[Array, Sequence[Array]]]], sums: Sequence[_Sums]
) -> Callable[[], Iterator[tuple[Array, Sequence[Array]]]]:
    """The same, each noted before the other file answers."""

    def noted() -> Iterator[tuple[Array, Sequence[Array]]]:
        for image, wanted in answers():
            for each, values in zip(sums, wanted, strict=True):
                each.wanted = values
            yield image, wanted

    return noted


class _Second:
    """The second file's answers, by the outputs of the first, added up on their way."""

    def __init__(self, file: _Opened, which: Sequence[int], sums: Sequence[_Sums]) -> None:
        self._file, self._which, self._sums = file, which, sums

    def run(self, image: Array) -> tuple[Array, ...]:
        answer = self._file.run(image)
        got = tuple(_wide(answer[k]) for k in self._which)
        for each, values in zip(self._sums, got, strict=True):
            if each.wanted is not None and each.wanted.shape == values.shape:
                each.add(values)
        return got


class _Stream:
    """The images, the same ones whenever it is called. `count`: how many a call gave."""

    def __init__(self, preparation: Preparation, batch: int, images: ImageSource | None) -> None:
        self._preparation, self._batch, self._images = preparation, batch, images
        self.count = 0

    def __call__(self) -> Iterator[Array]:
        images = self._drawn() if self._images is None else self._given(self._images)
        for number, image in enumerate(images):
            self.count = max(self.count, number + 1)
            yield np.repeat(image, self._batch, axis=0)

    def _drawn(self) -> Iterator[Array]:
        p = self._preparation
        return (image_for(task, p.channels, p.height, p.width, seed) for task, seed in _DRAWN)

    def _given(self, images: ImageSource) -> Iterator[Array]:
        return (image.pixels for image in images.stream(self._preparation))


def _wide(values: Array) -> Array:
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _pairs(names: Sequence[str], others: Sequence[str]) -> Sequence[tuple[int, int]]:
    """Which output of one file is which of the other: by name, or by place where there are as many."""
    if set(names) & set(others):
        return [(i, others.index(name)) for i, name in enumerate(names) if name in others]
    return [(i, i) for i in range(len(names))] if len(names) == len(others) else []


def _shape(one: _Opened, other: _Opened, asked: Images) -> InputShape:
    """The shape that both take. Raises `ValueError` where there is none."""
    for file in (one, other):
        if file.dims and len(file.dims) != 4:
            raise ValueError(f"an input of {'×'.join(map(str, file.dims))} is no image: the files are not run")
        if file.dtype not in ("float32", "float16", "float64"):
            raise ValueError(f"an input of {file.dtype} is not compared with others: the files are not run")
    hints = [file.loaded.origin.shape for file in (one, other) if file.loaded.origin.shape is not None]
    size = asked.size or (hints[0].size if hints else _SIZE)
    channels = hints[0].channels if hints else 3
    wanted = (hints[0].batch if hints and not (one.dims and other.dims) else 1, channels, *size)
    dims = list[int]()
    for axis, default in enumerate(wanted):
        fixed = {d for file in (one, other) if file.dims and isinstance(d := file.dims[axis], int) and d > 0}
        if len(fixed) > 1:
            what = " and ".join("×".join(map(str, file.dims)) for file in (one, other))
            raise ValueError(f"they take images of different sizes, {what}: their answers cannot be compared")
        dims.append(fixed.pop() if fixed else default)
    return InputShape(*dims)


def _preparation(shape: InputShape, facts: tuple[Inspected, Inspected], asked: Images) -> Preparation:
    """How pictures are prepared: as asked, or as the files tell, or RGB from 0 to 1. Raises `ValueError`."""
    if asked.data is not None and shape.channels not in (1, 3):
        raise ValueError(f"the input has {shape.channels} channels, and pictures have 1 or 3")
    fit, own = Fit.SQUARE, Pixels()
    for each in facts:
        try:
            _, fit, own = preparation_in(_bare(each.info.properties))
            break
        except (KeyError, TypeError, ValueError):
            continue
    fit = Fit.SQUARE if fit is Fit.RECT else fit  # one size is tried
    return Preparation(shape.channels, shape.height, shape.width, 1, fit, asked.pixels or own)


def _bare(properties: Mapping[str, str]) -> Mapping[str, str]:
    return {name.removeprefix("framework."): text for name, text in properties.items()}


@contextmanager
def _refusing(file: ForeignFile) -> Iterator[None]:
    """Run a file: what its runtime says leaves as `ArtifactRefused`."""
    try:
        yield
    except SaidNo as error:
        raise ArtifactRefused(f"{file.path.name} does not run: {told(error)}") from error
