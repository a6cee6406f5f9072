"""The pictures of a proof: the images that are most worth looking at, drawn before and after."""

from __future__ import annotations

from collections.abc import Iterator

from .marks import Album
from .prove import Yardstick
from .side_by_side import side_by_side


def pictures(by: Yardstick, album: Album, artifact: str) -> Iterator[tuple[int, str, bytes]]:
    """Of each image of an album: its rank, the one most worth looking at being the first (0); its name, and the PNG.

    They are read once more for that, and come in the order in which they lie. `artifact`: the name of what was proved.
    """
    marks = album.marks
    ranked = sorted(marks, key=lambda index: marks[index].weight, reverse=True)
    stream = by.images.of([by.seen[index].number for index in marks]).stream(by.preparation)
    for index, image in zip(sorted(marks), stream, strict=False):
        drawn = side_by_side(image, by.preparation, marks[index], by.finder.what, by.against, artifact)
        yield ranked.index(index), image.name, drawn
