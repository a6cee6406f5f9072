"""A picture with what is found in it, before and after side by side, as a PNG."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..images.letterbox import Geometry, picture_in
from ..images.source import PreparedImage
from ..network.preparation import Preparation
from ..untrusted import printable
from .marks import Mark, Marks

Array = NDArray[Any]

# Colours that people with any kind of sight can tell apart (Okabe and Ito): what stays, what is lost, what is new.
_SAME, _LOST, _NEW = (0, 158, 115), (213, 94, 0), (86, 180, 233)
_INK, _GROUND = (0, 0, 0), (255, 255, 255)
_LETTERS, _HEAD, _GAP, _LEAST = 14, 24, 8, 640  # px: text, title, between the two; a picture's longer side is enlarged


def side_by_side(
    image: PreparedImage, preparation: Preparation, marks: Marks, what: str, against: str, artifact: str
) -> bytes:
    """The PNG of one image. `what`: of which things. `against`, `artifact`: what found them before and after."""
    picture = picture_in(image.pixels, image.geometry, preparation)
    scale = max(1, _LEAST // max(picture.size))
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    canvas = Image.new("RGB", (2 * picture.width + _GAP, _HEAD + picture.height), _GROUND)
    titles = (
        f"{image.name} · {against}: {len(marks.before)} {what}, {marks.lost} lost",
        f"{artifact}: {len(marks.after)} {what}, {marks.new} new",
    )
    sides = ((marks.before, _LOST, "lost"), (marks.after, _NEW, "new"))
    for side, (title, (found, colour, word)) in enumerate(zip(titles, sides, strict=True)):
        half = picture.copy()
        # What differs is drawn last, over all else.
        for mark in sorted(found, key=lambda mark: mark.differs):
            words = f"{word}: {mark.words}" if mark.differs else mark.words
            _draw(half, mark, image.geometry, scale, words.strip(": "), colour if mark.differs else _SAME)
        left = side * (picture.width + _GAP)
        canvas.paste(half, (left, _HEAD))
        _write(ImageDraw.Draw(canvas), (left + 4, 4), title, picture.width - 8)
    file = BytesIO()
    canvas.save(file, "PNG")
    return file.getvalue()


def _draw(half: Image.Image, mark: Mark, geometry: Geometry, scale: int, words: str, colour: tuple[int, ...]) -> None:
    pen, wide = ImageDraw.Draw(half), 4 if mark.differs else 2
    points = (np.asarray(mark.corners, np.float64).reshape(-1, 2) - geometry.shown[:2]) * scale
    if len(points):
        outline = [*map(tuple, points.tolist()), tuple(points[0].tolist())]
        pen.line(outline, fill=colour, width=wide, joint="curve")
    top = points[points[:, 1].argmin()] if len(points) else np.array((4.0, _LETTERS + 8.0))
    if words:
        words = printable(words, 40)
        place = (float(np.clip(top[0], 0, half.width - 8)), float(max(0.0, top[1] - _LETTERS - 4)))
        pen.rectangle(pen.textbbox(place, words, font=_font()), fill=colour)
        pen.text(place, words, fill=_INK, font=_font())


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], words: str, room: int) -> None:
    """A title, cut off where there is no room for it."""
    words = printable(words, 200)
    while words and pen.textlength(words, font=_font()) > room:
        words = words[:-1]
    pen.text(place, words, fill=_INK, font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_LETTERS)
