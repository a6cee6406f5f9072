"""What becomes of a picture before a network takes it: how it is fitted in, and what its pixels become."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fit(StrEnum):
    """How a picture is brought to a size.

    SQUARE: scaled until it fits, and padded to the whole height and width. RECT: scaled until it fits, and padded to
    the next multiples of the stride alone, as YOLOv5 runs its own checkpoints. CROP: the middle square, scaled.
    """

    SQUARE = "square"
    RECT = "rect"
    CROP = "crop"


@dataclass(frozen=True)
class Pixels:
    """What a network takes a picture's pixels as: (value - mean) / divisor of each level from 0 to 255.

    `order`: of the colours. `mean`, `divisor`: levels, a channel each, in that order. `pad`: the level beside the
    picture. The defaults are what YOLOv5's detectors are trained on.
    """

    order: str = "RGB"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    divisor: tuple[float, ...] = (255.0, 255.0, 255.0)
    pad: int = 114

    @property
    def name(self) -> str:
        """In words: `RGB, 0 to 1`, or the mean and divisor."""
        if not any(self.mean) and set(self.divisor) == {255.0}:
            return f"{self.order}, 0 to 1"
        mean, divisor = (", ".join(f"{level:g}" for level in levels) for levels in (self.mean, self.divisor))
        return f"{self.order}, minus ({mean}), divided by ({divisor})"


UNIT_RGB = Pixels()


@dataclass(frozen=True)
class Preparation:
    """All that is done to a picture for a network of `channels` at a size (px). It has a name that people read."""

    channels: int
    height: int
    width: int
    stride: int
    fit: Fit = Fit.SQUARE
    pixels: Pixels = UNIT_RGB

    @property
    def name(self) -> str:
        """`square letterbox, 640×640 (height×width), pad 114, RGB, 0 to 1`."""
        size = f"{self.height}×{self.width} (height×width)"
        match self.fit:
            case Fit.SQUARE:
                fitted = f"square letterbox, {size}, pad {self.pixels.pad}"
            case Fit.RECT:
                fitted = f"rect letterbox, up to {size}, stride {self.stride}, pad {self.pixels.pad}"
            case Fit.CROP:
                fitted = f"center crop, {size}"
        return f"{fitted}, {self.pixels.name}"
