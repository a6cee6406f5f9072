"""Test images with structure: gradients and shapes, or lines of letters, on which an error in a network shows.

Noise hides errors (a convolution off by 2 % moves the answer fifty times less than on these), and constant
images cannot see swapped channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SHAPES = 12


@lru_cache(maxsize=8)
def structured_image(channels: int, height: int, width: int, seed: int) -> NDArray[np.float32]:
    """A 1×C×H×W image in [0, 1], the same for the same seed; read-only.

    Its values are multiples of 1/256, which float16 holds exactly: an FP16 input sees the same image.
    """
    random = np.random.default_rng([seed, channels, height, width])
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(0, 1, width, dtype=np.float32)
    down, right = random.uniform(-1, 1, (2, channels, 1, 1)).astype(np.float32)
    image = down * rows + right * columns
    image -= image.min()
    image /= image.max()
    for _ in range(_SHAPES):
        y, x = random.uniform(0, 1, 2)
        h, w = random.uniform(0.05, 0.35, 2)
        colour = random.uniform(0, 1, (channels, 1, 1))
        box = (slice(int((y - h) * height) if y > h else 0, int((y + h) * height) + 1),
               slice(int((x - w) * width) if x > w else 0, int((x + w) * width) + 1))  # fmt: skip
        inside = np.broadcast_to(True, image[0][box].shape)
        if random.random() < 0.5:
            inside = ((rows[box[0]] - y) / h) ** 2 + ((columns[box[1]] - x) / w) ** 2 < 1
        np.copyto(image[:, box[0], box[1]], colour, where=inside, casting="unsafe")
    image = np.round(image * 256) / 256
    image.flags.writeable = False
    return image[None]


def structured_batch(channels: int, height: int, width: int, seed: int, batch: int) -> NDArray[np.float32]:
    """An N×C×H×W batch: the structured images of `seed`, `seed + 1`, …"""
    return np.concatenate([structured_image(channels, height, width, seed + i) for i in range(batch)])


def image_for(task: str, channels: int, height: int, width: int, seed: int) -> NDArray[np.float32]:
    """A 1×C×H×W image for a network of this task: letters for detectors of text, shapes for all others."""
    return (text_image if task == "text" else structured_image)(channels, height, width, seed)


def batch_for(task: str, channels: int, height: int, width: int, seed: int, batch: int) -> NDArray[np.float32]:
    """An N×C×H×W batch: the test images of `seed`, `seed + 1`, …"""
    return np.concatenate([image_for(task, channels, height, width, seed + i) for i in range(batch)])


# Capital letters of 5×7 pixels, row by row, five bits each: enough like writing for a detector of text.
_GLYPHS = (
    (0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001),
    (0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110),
    (0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111),
    (0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001),
    (0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001),
    (0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001),
    (0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110),
    (0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100),
)


@lru_cache(maxsize=8)
def text_image(channels: int, height: int, width: int, seed: int) -> NDArray[np.float32]:
    """A 1×C×H×W image in [0, 1] with lines of dark letters on bright ground, the same for the same seed; read-only.

    On other images, a trained detector of text answers nothing at all, and nothing could be compared.
    """
    random = np.random.default_rng([seed, channels, height, width])
    ground = (random.integers(200, 250, (channels, 1, 1)) / 256).astype(np.float32)
    image = np.broadcast_to(ground, (channels, height, width)).copy()
    top = int(random.integers(4, 16))
    while top + 7 < height:
        scale = int(random.integers(2, 5))
        letters = [_GLYPHS[i] for i in random.integers(0, len(_GLYPHS), max(1, (width - 16) // (6 * scale)))]
        line = _line(letters[: max(1, int(len(letters) * random.uniform(0.3, 1)))], scale)
        place = image[:, top : top + line.shape[0], 8 : 8 + line.shape[1]]
        ink = random.integers(0, 80, (channels, 1, 1)) / 256
        np.copyto(place, ink, where=line[: place.shape[1], : place.shape[2]], casting="unsafe")
        top += 7 * scale + int(random.integers(8, 24))
    image.flags.writeable = False
    return image[None]


def _line(letters: Sequence[tuple[int, ...]], scale: int) -> NDArray[np.bool_]:
    """Letters side by side, a column apart, each pixel `scale` × `scale`."""
    bits = np.array([[[row >> (4 - column) & 1 for column in range(5)] + [0] for row in letter] for letter in letters])
    return np.concatenate([*bits], axis=1).repeat(scale, 0).repeat(scale, 1).astype(bool)
