"""What chooses among a detector's boxes at the end of a graph: non-maximum suppression, or an end-to-end head's rank.

Nothing in it follows from the size of the image or of the batch, so that it is the same in a file for one size and in
one with dynamic axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...network.result import Layout, Rows
from ...network.suppression import COLUMNS, Ranking, Selection, Suppression
from .graph import Attribute, ElementType, Graph, Value


def selected(graph: Graph, boxes: Value, layout: Layout, selection: Selection) -> tuple[Value, ...]:
    """What a file gives of its boxes, which are float32."""
    match selection:
        case Suppression():
            return suppressed(graph, boxes, layout, selection)
        case Ranking():
            return (_Tail(graph).ranked(boxes.name, layout, selection.most),)


def suppressed(graph: Graph, boxes: Value, layout: Layout, nms: Suppression) -> tuple[Value, Value]:
    """The detections, N×max_det×(6 + further) in float32, and how many there are in each image, N in int64.

    `boxes`: float32.
    """
    return _Tail(graph).detections(boxes.name, layout, nms)


@dataclass(frozen=True)
class _Parts:
    """What boxes are told by: N×B×2, N×B×2, N×B×1, N×B×C, and N×B×F where there is more."""

    center: str
    sides: str
    confidence: str
    classes: str
    further: tuple[str, ...]


class _Tail:
    """Where an operator changed with an opset, the older form is written. Shapes in comments: B boxes, C classes, F
    further values of a box.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def detections(self, answer: str, layout: Layout, nms: Suppression) -> tuple[Value, Value]:
        node, graph = self._node, self._graph
        parts = self._parts(answer, layout)
        half = node("Mul", parts.sides, self._number(0.5))
        corners = (node("Sub", parts.center, half), node("Add", parts.center, half))
        boxes = node("Concat", *corners, axis=2)
        confidence = parts.confidence
        best = node("ArgMax", parts.classes, axis=2, keepdims=1)  # N×B×1
        scores = node("Transpose", confidence, perm=(0, 2, 1))  # N×1×B
        if not nms.agnostic and layout.classes > 1:
            # A box counts for its likeliest class alone: N×C×B.
            every = graph.constant(ElementType.INT64, (1, layout.classes, 1), range(layout.classes))
            chosen = node("Equal", node("Transpose", best, perm=(0, 2, 1)), every)
            scores = node("Where", chosen, scores, self._number(0.0))
        limits = (graph.integer(nms.max_det), self._number(nms.iou), self._number(nms.confidence))
        # An image's and a box's number for each box that stays, K×2. No class has more than max_det of an image's
        # most confident, and each box has one class, so that it is there once at most.
        kept = node("Gather", node("NonMaxSuppression", boxes, scores, *limits), graph.integers(0, 2), axis=1)
        confidence = node("Reshape", confidence, graph.integers(0, -1))  # N×B
        # Below all others, whose confidence is above 0: no confidence is above 1.
        nothing = node("Where", node("Greater", confidence, self._number(1.0)), confidence, self._number(-1.0))
        ranked = node("ScatterND", nothing, kept, node("GatherND", confidence, kept))
        # Behind the boxes come max_det empty rows, which outrank the boxes that do not stay.
        ranked = node("Pad", ranked, graph.integers(0, 0, 0, nms.max_det))
        label = node("Cast", best, to=int(ElementType.FLOAT))
        sure = node("Reshape", confidence, graph.integers(0, -1, 1))
        told = node("Concat", boxes, sure, label, *parts.further, axis=2)  # N×B×(6 + F)
        told = node("Pad", told, graph.integers(0, 0, 0, 0, nms.max_det, 0))
        values, places = graph.node_with(2, "TopK", [ranked, graph.integers(nms.max_det)], axis=1)  # N×max_det
        found = self._taken(told, places, COLUMNS + layout.further)
        are = node("Cast", node("Greater", values, self._number(0.0)), to=int(ElementType.INT64))
        counts = self._reduced("ReduceSum", are, 1, keepdims=0, since=13)
        return Value(found, ElementType.FLOAT), Value(counts, ElementType.INT64)

    def ranked(self, answer: str, layout: Layout, most: int) -> Value:
        """Of an image's cells the `most` with the highest best score, and of these the `most` best pairs of cell and
        class, the best first: N×most×(6 + F).
        """
        node, graph = self._node, self._graph
        center, sides, classes, *further = self._columns(answer, layout)
        box = (center, sides)
        if not layout.turned:
            half = node("Mul", sides, self._number(0.5))
            box = (node("Sub", center, half), node("Add", center, half))
        # Behind the cells come `most` empty ones, whose score of 0 none is below: there are enough at any size.
        behind = graph.integers(0, 0, 0, 0, most, 0)
        boxes = node("Pad", node("Concat", *box, *further, axis=2), behind)
        scores = node("Pad", classes, behind)
        best = self._reduced("ReduceMax", scores, 2, keepdims=0, since=18)  # N×B
        _, cells = graph.node_with(2, "TopK", [best, graph.integers(most)], axis=1)
        boxes = self._taken(boxes, cells, 4 + layout.further)
        scores = self._taken(scores, cells, layout.classes)
        pairs = node("Reshape", scores, graph.integers(0, -1))
        values, places = graph.node_with(2, "TopK", [pairs, graph.integers(most)], axis=1)
        count = graph.integer(layout.classes)
        boxes = self._taken(boxes, node("Div", places, count), 4 + layout.further)
        label = node("Cast", node("Mod", places, count), to=int(ElementType.FLOAT))
        corners, *further = self._split(boxes, (4, layout.further)) if layout.further else (boxes,)
        told = (node("Reshape", each, graph.integers(0, -1, 1)) for each in (values, label))
        return Value(node("Concat", corners, *told, *further, axis=2), ElementType.FLOAT)

    def _taken(self, rows: str, places: str, columns: int) -> str:
        """The rows N×K×columns at N×K places, of N×B×columns."""
        places = self._node("Reshape", places, self._graph.integers(0, -1, 1))
        every = self._graph.constant(ElementType.INT64, (1, 1, columns), (0,) * columns)
        return self._node("GatherElements", rows, self._node("Add", places, every), axis=1)

    def _parts(self, answer: str, layout: Layout) -> _Parts:
        further = (layout.further,) if layout.further else ()
        if isinstance(layout, Rows):
            center, sides, objectness, classes, *rest = self._split(answer, (2, 2, 1, layout.classes, *further))
            confidence = self._node("Mul", objectness, self._likeliest(classes))
        else:
            center, sides, classes, *rest = self._columns(answer, layout)
            confidence = self._likeliest(classes)
        return _Parts(center, sides, confidence, classes, tuple(rest))

    def _columns(self, answer: str, layout: Layout) -> Sequence[str]:
        """Center, sides, classes and further values of boxes that lie in columns."""
        rows = self._node("Transpose", answer, perm=(0, 2, 1))
        return self._split(rows, (2, 2, layout.classes, *((layout.further,) if layout.further else ())))

    def _likeliest(self, classes: str) -> str:
        return self._reduced("ReduceMax", classes, 2, keepdims=1, since=18)

    def _node(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        return self._graph.node(kind, inputs, "", **attributes)

    def _number(self, value: float) -> str:
        return self._graph.constant(ElementType.FLOAT, (), (value,))

    def _split(self, x: str, sizes: Sequence[int]) -> Sequence[str]:
        """Parts of these sizes along the last of three axes."""
        if self._graph.opset < 13:
            return self._graph.node_with(len(sizes), "Split", [x], axis=2, split=tuple(sizes))
        return self._graph.node_with(len(sizes), "Split", [x, self._graph.integers(*sizes)], axis=2)

    def _reduced(self, kind: str, x: str, axis: int, *, keepdims: int, since: int) -> str:
        """A reduction along an axis, which is an input from the opset `since` on."""
        if self._graph.opset < since:
            return self._node(kind, x, axes=(axis,), keepdims=keepdims)
        return self._node(kind, x, self._graph.integers(axis), keepdims=keepdims)
