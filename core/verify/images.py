"""Test images with structure: gradients and shapes, on which an error in a network shows.

Noise hides errors (a convolution off by 2 % moves the answer fifty times less than on these), and constant
images cannot see swapped channels.
"""

from __future__ import annotations

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
