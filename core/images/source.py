"""The stream of a user's own images: for calibration, for proof and for a trial alike, one in memory at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import BadRequest
from ..network.preparation import Preparation
from ..network.result import Boxes
from .labels import labels_beside
from .letterbox import Geometry, prepared
from .listing import Listing, listed
from .npz import open_npz
from .picture import Broken, Picture, read_picture

Array = NDArray[Any]

COUNT = 128  # of images that are taken unless the user says so


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image as a network takes it: 1×C×H×W, float32. `number`: which one of all pictures of the path it is.

    `labels`: what is in it, in px of the image, if known.
    """

    number: int
    name: str
    pixels: Array
    labels: Boxes | None
    geometry: Geometry


class Pictures(Protocol):
    """Pictures by number, not decoded yet."""

    def __len__(self) -> int: ...

    def pictures(self, which: Collection[int], enough: int) -> Iterator[tuple[str, Picture | Broken]]:
        """Those of these numbers, in order, each decoded when its turn comes: name, and what came of it.

        `enough`: the longest side (px) that is needed of one.
        """
        ...


class ImageSource:
    """Some of the pictures of a path, evenly chosen, the same ones every time.

    `count`: how many were chosen of `total`. `notes`: what the user should know of them. `broken`: by name, why a
    picture could not be used, of those that a stream has come to so far.
    """

    def __init__(self, path: Path, pictures: Pictures, chosen: Sequence[int], notes: tuple[str, ...] = ()) -> None:
        self.path, self.total, self.notes = path, len(pictures), notes
        self.broken: dict[str, str] = {}
        self._pictures, self._chosen = pictures, tuple(chosen)

    @property
    def count(self) -> int:
        return len(self._chosen)

    def of(self, numbers: Sequence[int]) -> ImageSource:
        """The pictures of these numbers alone, in rising order."""
        return ImageSource(self.path, self._pictures, sorted(numbers), self.notes)

    def only(self, part: slice) -> ImageSource:
        """Some of those that were chosen: `slice(None, None, 2)` is every second one."""
        return ImageSource(self.path, self._pictures, self._chosen[part], self.notes)

    def stream(self, preparation: Preparation) -> Iterator[PreparedImage]:
        """The images, one at a time; another call gives the same ones. Broken ones are left out, and noted."""
        for number, picture in self._decoded(max(preparation.height, preparation.width)):
            pixels, geometry = prepared(picture.image, picture.size, preparation)
            yield PreparedImage(number, picture.name, pixels, _boxes(picture.labels, geometry), geometry)

    def check(self) -> None:
        """Raises `BadRequest` if none can be used."""
        for _ in self._decoded(enough=1):
            return
        name, why = next(iter(self.broken.items()))
        what = f"none of the {self.count} pictures chosen of {self.path} can be used; {name}: {why}"
        raise BadRequest(what, "give --data other pictures")

    def _decoded(self, enough: int) -> Iterator[tuple[int, Picture]]:
        pictures = self._pictures.pictures(self._chosen, enough)
        for number, (name, found) in zip(self._chosen, pictures, strict=False):  # an archive may end too early
            if isinstance(found, Picture):
                yield number, found
            else:
                self.broken[name] = str(found)


def open_images(path: Path, count: int = COUNT) -> ImageSource:
    """The pictures of a folder, a list file (.txt), a YOLOv5 data set (.yaml) or an .npz, `count` of them at most.

    Raises `BadRequest` where there is none that can be used.
    """
    if path.suffix.lower() == ".npz" and not path.is_dir():
        found, notes = open_npz(path), ()
    else:
        listing = listed(path)
        if not listing.paths:
            raise BadRequest(f"there is no picture in {path}", "give --data a folder with .jpg or .png files")
        found, notes = _Files(listing), listing.notes
    chosen = evenly(len(found), count)
    if isinstance(found, _Files):
        notes = (*notes, *found.outside(chosen))
    source = ImageSource(path, found, chosen, notes)
    source.check()
    return source


def evenly(total: int, count: int) -> list[int]:
    """`count` numbers below `total`, as far apart as can be; all of them if there are no more."""
    count = min(total, count)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


@dataclass(frozen=True, eq=False)
class _Files:
    """Pictures that are files."""

    listing: Listing

    def __len__(self) -> int:
        return len(self.listing.paths)

    def pictures(self, which: Collection[int], enough: int) -> Iterator[tuple[str, Picture | Broken]]:
        for index in which:
            path = self.listing.paths[index]
            name = str(path.relative_to(self.listing.root)) if path.is_relative_to(self.listing.root) else str(path)
            try:
                yield name, read_picture(path, name, labels_beside(path), enough)
            except Broken as broken:
                yield name, broken

    def outside(self, which: Collection[int]) -> Iterator[str]:
        """A note, if some lie elsewhere than the path that the user gave, by links or by what a list says."""
        root = self.listing.root.resolve()
        others = [path for path in (self.listing.paths[i] for i in which) if not path.resolve().is_relative_to(root)]
        if others:
            yield f"{len(others)} of {len(which)} pictures lie outside of {root}, such as {others[0].resolve()}"


def _boxes(labels: Array | None, geometry: Geometry) -> Boxes | None:
    if labels is None:
        return None
    center, half = labels[:, 1:3], labels[:, 3:5] / 2
    corners = geometry.to_image(np.concatenate((center - half, center + half), axis=1))
    return Boxes(corners, labels[:, 0].astype(np.int64))
