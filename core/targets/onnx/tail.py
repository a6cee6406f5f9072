"""Non-maximum suppression at the end of a graph: from a detector's rows to the detections of each image of the batch.

Nothing in it follows from the size of the image or of the batch, so that it is the same in a file for one size and in
one with dynamic axes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...network.result import Rows
from ...network.suppression import COLUMNS, Suppression
from .graph import Attribute, ElementType, Graph, Value


def suppressed(graph: Graph, rows: Value, layout: Rows, nms: Suppression) -> tuple[Value, Value]:
    """The detections, N×max_det×6 in float32, and how many there are in each image, N in int64. `rows`: float32."""
    return _Tail(graph).detections(rows.name, layout, nms)


class _Tail:
    """Where an operator changed with an opset, the older form is written. Shapes in comments: B boxes, C classes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def detections(self, rows: str, layout: Rows, nms: Suppression) -> tuple[Value, Value]:
        node, graph = self._node, self._graph
        # N×B×2, N×B×2, N×B×1, N×B×C
        center, sides, objectness, classes = self._split(rows, (2, 2, 1, layout.classes))
        half = node("Mul", sides, self._number(0.5))
        corners = (node("Sub", center, half), node("Add", center, half))
        boxes = node("Concat", *corners, axis=2)
        confidence = node("Mul", objectness, self._reduced("ReduceMax", classes, 2, keepdims=1, since=18))  # N×B×1
        best = node("ArgMax", classes, axis=2, keepdims=1)  # N×B×1
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
        told = node("Concat", boxes, node("Reshape", confidence, graph.integers(0, -1, 1)), label, axis=2)  # N×B×6
        told = node("Pad", told, graph.integers(0, 0, 0, 0, nms.max_det, 0))
        values, places = graph.node_with(2, "TopK", [ranked, graph.integers(nms.max_det)], axis=1)  # N×max_det
        places = node("Reshape", places, graph.integers(0, -1, 1))
        places = node("Add", places, graph.constant(ElementType.INT64, (1, 1, COLUMNS), (0,) * COLUMNS))
        found = node("GatherElements", told, places, axis=1)
        are = node("Cast", node("Greater", values, self._number(0.0)), to=int(ElementType.INT64))
        counts = self._reduced("ReduceSum", are, 1, keepdims=0, since=13)
        return Value(found, ElementType.FLOAT), Value(counts, ElementType.INT64)

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
