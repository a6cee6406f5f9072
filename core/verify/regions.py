"""From a mask to the boxes of its regions, and how far two boxes cover each other. Numpy alone.

A region is a set of pixels that touch, corners included; its box is the rectangle of the least area around it, at
any angle: what DBNet's own post-processing takes a line of text to be, before it is enlarged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]  # P×2: x, y

# The limit of DBNet's own post-processing.
MAX_REGIONS = 1000
_NO_AREA = 1e-9  # px²: what rounding makes of a line


def boxes_of(mask: Mask, least_side: float) -> list[Points]:
    """The boxes (4×2, px, corners in order) of an H×W mask's regions, the largest regions first.

    Boxes with a side below `least_side` (px) are left out, and all regions after the thousandth.
    """
    rows, starts, ends = _runs(mask)
    labels = _joined(rows, starts, ends, mask.shape[1])
    order = np.argsort(labels, kind="stable")
    rows, starts, ends = rows[order], starts[order], ends[order]
    _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
    areas = np.add.reduceat(ends - starts, first) if len(first) else first
    # A box with such sides has at least that many pixels along its diagonal.
    large = [i for i in np.argsort(-areas, kind="stable")[:MAX_REGIONS] if areas[i] >= least_side]
    boxes: list[Points] = []
    for i in large:
        part = slice(first[i], first[i] + counts[i])
        box = smallest_rectangle(_outline(rows[part], starts[part], ends[part]))
        if min(_sides(box)) >= least_side:
            boxes.append(box)
    return boxes


def smallest_rectangle(points: Points) -> Points:
    """The corners of the rectangle of the least area around some points (P×2); one of its sides lies on the hull."""
    hull = convex_hull(points)
    edges = np.roll(hull, -1, axis=0) - hull
    edges = edges[np.any(edges != 0, axis=1)]
    along = edges / np.hypot(edges[:, 0], edges[:, 1])[:, None] if len(edges) else np.array([[1.0, 0.0]])
    across = np.stack((-along[:, 1], along[:, 0]), axis=1)
    u, v = hull @ along.T, hull @ across.T  # points × directions
    low_u, high_u, low_v, high_v = u.min(0), u.max(0), v.min(0), v.max(0)
    best = int(np.argmin((high_u - low_u) * (high_v - low_v)))
    corners = ((low_u, low_v), (high_u, low_v), (high_u, high_v), (low_u, high_v))
    return np.array([a[best] * along[best] + b[best] * across[best] for a, b in corners])


def convex_hull(points: Points) -> Points:
    """The corners of the convex hull, counter-clockwise where y points up (Andrew's monotone chain)."""
    ordered = [tuple(point) for point in np.unique(points, axis=0)]

    def chain(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for point in sequence:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]) or ordered)


def intersection(a: Points, b: Points) -> float:
    """The area that two convex polygons (P×2, corners in order) share, px²."""
    return area(_clipped(a, b))


def iou(a: Points, b: Points) -> float:
    """Intersection over union of two convex polygons (P×2, corners in order)."""
    common = intersection(a, b)
    union = area(a) + area(b) - common
    return common / union if union > _NO_AREA else 0.0


def area(polygon: Points) -> float:
    """Of a polygon (P×2), px²."""
    if len(polygon) < 3:
        return 0.0
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _runs(mask: Mask) -> tuple[NDArray[np.int64], ...]:
    """Every horizontal run of pixels: its row, its first column, and the column behind its last."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]


def _joined(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """A label for each run, the same for runs that touch, directly or through others."""
    row_size = width + 2
    # The runs of the row above that touch run i, sides or corners, are those from low[i] to high[i].
    above = (rows - 1) * row_size
    low = np.searchsorted(rows * row_size + ends, above + starts)
    high = np.searchsorted(rows * row_size + starts, above + ends, side="right")
    counts = np.maximum(high - low, 0)
    below = np.repeat(np.arange(len(rows)), counts)
    over = np.arange(len(below)) - np.repeat(np.cumsum(counts) - counts, counts) + low[below]
    labels = np.arange(len(rows))
    while True:
        least = labels.copy()
        np.minimum.at(least, labels[below], labels[over])
        np.minimum.at(least, labels[over], labels[below])
        least = least[labels]
        while not np.array_equal(least, least[least]):
            least = least[least]
        if np.array_equal(least, labels):
            return labels
        labels = least


def _outline(rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Points:
    """The corners of the outermost pixels of each row; a pixel is a square whose corners are whole numbers."""
    left = np.full(rows.max() - rows.min() + 1, np.iinfo(np.int64).max)
    right = np.zeros_like(left)
    at = rows - rows.min()
    np.minimum.at(left, at, starts)
    np.maximum.at(right, at, ends)
    top = np.arange(len(left)) + rows.min()
    corners = [(x, y) for x in (left, right) for y in (top, top + 1)]
    return np.concatenate([np.stack(corner, axis=1) for corner in corners]).astype(np.float64)


def _sides(box: Points) -> tuple[float, float]:
    (a, b, c, _) = box
    return float(np.hypot(*(b - a))), float(np.hypot(*(c - b)))


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    """Positive where a → b → c turns to the left, y pointing up."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _clipped(subject: Points, by: Points) -> Points:
    """The part of a convex polygon inside of another (Sutherland and Hodgman)."""
    inside: list[tuple[float, ...]] = [tuple(point) for point in _leftwise(subject)]
    clip: list[tuple[float, ...]] = [tuple(point) for point in _leftwise(by)]
    for start, end in zip(clip, clip[1:] + clip[:1], strict=True):
        points, inside = inside, []
        for a, b in zip(points, points[1:] + points[:1], strict=True):
            at_a, at_b = _turn(start, end, a), _turn(start, end, b)
            if at_a >= 0:
                inside.append(a)
            if at_a * at_b < 0:
                share = at_a / (at_a - at_b)
                inside.append(tuple(p + share * (q - p) for p, q in zip(a, b, strict=True)))
    return np.array(inside, dtype=np.float64).reshape(-1, 2)


def _leftwise(polygon: Points) -> Points:
    """The corners in the order in which the inside lies to the left."""
    x, y = polygon[:, 0], polygon[:, 1]
    return polygon if float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) >= 0 else polygon[::-1]
