"""Which outputs of an ONNX model are chosen, by suppression, sorting or a threshold, and what they are chosen from.

A choice between two values that rounding carries past each other ends otherwise, by however much they stand for. So
two files of one model are the same if what they choose from is.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

from .passes.halve import captured, float_tensors

_CHOOSING_OPERATORS = """
    ArgMax ArgMin TopK NonMaxSuppression NonZero Unique Greater GreaterOrEqual Less LessOrEqual Equal Sign Round Floor
    Ceil Hardmax Multinomial
"""
_CHOOSING = frozenset(_CHOOSING_OPERATORS.split())
_OF_SHAPES = frozenset(("Shape", "Size"))  # what is made of an image's size alone is no choice


@dataclass(frozen=True)
class Choice:
    """The names of chosen outputs, of the float tensors that they are chosen from, and the operators that choose."""

    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()


def choice_in(model: ModelProto) -> Choice:
    """What of a model's outputs is chosen."""
    graph = model.graph
    seen = {port.name for port in graph.input} - {tensor.name for tensor in graph.initializer}  # what an image changes
    chosen: set[str] = set()
    operators: dict[str, None] = {}
    at_choices: dict[str, None] = {}
    wanted = _wanted(graph)
    floats = float_tensors(model)
    for node in graph.node:
        reads = seen & {*node.input, *captured(node)}
        if not reads or node.op_type in _OF_SHAPES:
            continue
        seen.update(node.output)
        here = sorted(_choosing(node))
        if (here or not chosen.isdisjoint(reads)) and not wanted.isdisjoint(node.output):
            operators |= dict.fromkeys(here)
            at_choices |= dict.fromkeys(sorted((reads & floats) - chosen))
            chosen.update(node.output)
    outputs = tuple(port.name for port in graph.output if port.name in chosen)
    if not outputs:
        return Choice()
    kept = {port.name for port in graph.output}
    return Choice(outputs, tuple(name for name in at_choices if name not in kept), tuple(operators))


def shown(model: ModelProto, choice: Choice) -> bytes:
    """A copy of the model, serialized, that gives what is chosen from as further outputs."""
    copy = ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(ValueInfoProto(name=name) for name in choice.sources)
    return copy.SerializeToString()


def _wanted(graph: GraphProto) -> set[str]:
    """The tensors that an output depends on."""
    wanted = {port.name for port in graph.output}
    for node in reversed(graph.node):
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
            wanted.update(captured(node))
    return wanted


def _choosing(node: NodeProto) -> set[str]:
    """The operators of a node and of the graphs inside of it that choose."""
    inside = (each for attribute in node.attribute for graph in (attribute.g, *attribute.graphs) for each in graph.node)
    return ({node.op_type} & _CHOOSING).union(*map(_choosing, inside))
