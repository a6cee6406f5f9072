"""How far what flows through a network reaches: the graph in the reference precision also tells the ends of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.network import Network
from ...precisions import REFERENCE, Precision
from ...precisions.dtype import FLOAT32
from ...shapes import InputShape
from ..contract import contract
from ..provenance import Provenance
from .graph import ElementType, Node
from .loaded import LoadedOnnx
from .model import onnx_model
from .options import OPSET
from .pieces import write_model
from .writer import Model, Port

Array = NDArray[Any]

# What can reach further than what it is made of, and how that is called. Whatever only moves values, pools them or
# bounds them cannot.
_LAYERS = frozenset(("Conv", "ConvTranspose"))
_BEHIND = {"Add": "the sum", "Mul": "the product", "MatMul": "the matrix product"}


class OnnxMagnitudes:
    """A network's graph that tells nothing but the largest and the smallest value of some of its tensors."""

    def __init__(self, places: Sequence[str], loaded: LoadedOnnx) -> None:
        """`places`: the tensors in words. `loaded`: gives the largest values, and then the smallest."""
        self._places, self._loaded = places, loaded

    def largest(self, image: Array) -> tuple[str, float]:
        ends = np.abs(np.array([float(end) for end in self._loaded.run(image)]).reshape(2, -1)).max(axis=0)
        at = int(ends.argmax())  # of NaN, if there is one
        return self._places[at], float(ends[at])

    def close(self) -> None:
        self._loaded.close()


def magnitudes(network: Network, size: tuple[int, int], precision: Precision, device: str) -> OnnxMagnitudes | None:
    """Of what files of a network in a precision hold in a narrow type, at a height and width (px); None: of nothing."""
    shape = InputShape(1, network.channels, *size)
    promised = contract(network, shape, FLOAT32, dynamic=False)

    def model(which: Precision) -> Model:
        return onnx_model(network, promised, which, OPSET.default, shape, Provenance("", ""))

    tensors = list(_narrow(model(precision)))[::-1]
    if not tensors:
        return None
    whole = model(REFERENCE)
    graph = whole.graph
    # ONNX Runtime visits what is read last first: so each tensor is looked at right after it was made.
    ends = [graph.node(kind, [name], keepdims=0) for kind in ("ReduceMax", "ReduceMin") for name, _ in tensors]
    ports = tuple(Port(end, ElementType.FLOAT, ()) for end in ends)
    file = BytesIO()
    write_model(Model(graph, whole.name, whole.input, ports, whole.producer, {}), file)
    return OnnxMagnitudes([place for _, place in tensors], LoadedOnnx(file.getvalue(), device))


def _narrow(model: Model) -> Iterator[tuple[str, str]]:
    """The tensors that a model makes in a narrow type and that may reach far, and what each is in words.

    They have the same names in every precision.
    """
    narrow, made, layer = set[str](), set[str](), ""
    for node in model.graph.nodes:
        layer = node.name if node.kind in _LAYERS else layer
        within = node.name.rpartition("/")[0] in made  # an activation, which bounds what it is given
        made.update(node.outputs)
        if _is_narrow(node, narrow):
            narrow.update(node.outputs)
            if node.kind in _LAYERS:
                yield node.name, layer
            elif node.kind in _BEHIND and not within:
                yield node.name, f"{_BEHIND[node.kind]} behind {layer}"


def _is_narrow(node: Node, narrow: set[str]) -> bool:
    if node.kind == "Cast":
        return node.attributes["to"] not in (ElementType.FLOAT, ElementType.INT64)
    return node.kind != "Shape" and not narrow.isdisjoint(node.inputs)
