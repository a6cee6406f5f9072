"""An ONNX model without what no runtime needs: notes, names of nodes, and what none of its outputs depends on.

What it computes stays as it is, operator by operator. Its own properties stay, too: classes' names, a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir as ir
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto
from onnx_ir.passes import common

from ....errors import BadRequest
from ....untrusted import printable
from ..untrusted.look import graphs_of


def slim(model: ModelProto, outputs: Sequence[str] = ()) -> ModelProto:
    """The slimmed model, with its outputs or those of these names alone. `model` is not changed.

    Raises `BadRequest` for a name that is no output.
    """
    slimmer = ModelProto()
    slimmer.CopyFrom(model)
    if outputs:
        _keep_outputs(slimmer.graph, outputs)
    passes = (
        common.RemoveUnusedNodesPass(),  # with the initializers that only those read
        common.RemoveUnusedFunctionsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=False, size_limit=0),  # so that equal ones are shared
        common.DeduplicateHashedInitializersPass(),
        common.RemoveUnusedOpsetsPass(),
        common.ClearMetadataAndDocStringPass(),
    )
    read = ir.from_proto(slimmer)
    for each in passes:
        read = each(read).model
    slimmer = ir.to_proto(read)
    _clear(slimmer)
    return slimmer


def _keep_outputs(graph: GraphProto, names: Sequence[str]) -> None:
    """Only the outputs of these names, in this order."""
    there = {port.name: port for port in graph.output}
    for name in names:
        if name not in there:
            known = ", ".join(map(printable, there))
            raise BadRequest(f"the model has no output {printable(name)!r}", f"it has: {known}")
    kept = [ValueInfoProto.FromString(there[name].SerializeToString()) for name in dict.fromkeys(names)]
    del graph.output[:]
    graph.output.extend(kept)


def _clear(model: ModelProto) -> None:
    """Clear the notes that are left: on ports and tensors; names of nodes; shapes that follow from the graph."""
    model.ClearField("doc_string")
    for graph in _graphs(model.graph):
        graph.ClearField("value_info")
        for port in (*graph.input, *graph.output):
            port.ClearField("doc_string")
            port.ClearField("metadata_props")
        for tensor in graph.initializer:
            tensor.ClearField("doc_string")
            tensor.ClearField("metadata_props")
        for node in graph.node:
            _clear_node(node)
    for function in model.functions:
        for node in function.node:
            _clear_node(node)


def _clear_node(node: NodeProto) -> None:
    for field in ("name", "doc_string", "metadata_props"):
        node.ClearField(field)
    for attribute in node.attribute:
        attribute.ClearField("doc_string")


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph, and those inside of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in graphs_of(attribute):
                yield from _graphs(inner)
