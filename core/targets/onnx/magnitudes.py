"""How far what flows through a network reaches: its graph in the reference precision also gives the ends of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """A network's graph that gives, behind its outputs, the largest and the smallest value of some of its tensors."""

    def __init__(self, held: Mapping[Precision, Mapping[str, str]], tensors: Sequence[str], loaded: LoadedOnnx) -> None:
        """`held`: by precision, the tensors that it holds in a narrow type, and each in words. `tensors`: all of them,
        in the order in which `loaded` gives the largest and the smallest value of each.
        """
        self._held, self._tensors, self._loaded = held, tensors, loaded

    def measured(self, image: Array) -> tuple[tuple[Array, ...], Mapping[Precision, tuple[str, float]]]:
        count = 2 * len(self._tensors)
        answers = self._loaded.run(image)
        ends = np.abs(np.array([float(end) for end in answers[-count:]]).reshape(-1, 2)).max(axis=1)
        reach = dict[Precision, tuple[str, float]]()
        for precision, places in self._held.items():
            chosen = [index for index, name in enumerate(self._tensors) if name in places]
            at = chosen[int(ends[chosen].argmax())]  # of NaN, if there is one
            reach[precision] = places[self._tensors[at]], float(ends[at])
        return answers[:-count], reach

    def close(self) -> None:
        self._loaded.close()


def magnitudes(
    network: Network, size: tuple[int, int], precisions: Iterable[Precision], device: str
) -> OnnxMagnitudes | None:
    """Of what files in some precisions hold in narrow types, at a height and width (px); None: of nothing."""
    shape = InputShape(1, network.channels, *size)
    promised = contract(network, shape, FLOAT32, dynamic=False)

    def model(which: Precision) -> Model:
        return onnx_model(network, promised, which, OPSET.default, shape, Provenance("", ""))

    held = {precision: dict(_narrow(model(precision))) for precision in precisions}
    held = {precision: places for precision, places in held.items() if places}
    if not held:
        return None
    whole = model(REFERENCE)
    graph = whole.graph
    # ONNX Runtime visits what is read last first: so each tensor is looked at right after it was made, from both ends.
    made = [name for node in graph.nodes for name in node.outputs]
    tensors = [name for name in made[::-1] if any(name in places for places in held.values())]
    ends = [graph.node(kind, [name], keepdims=0) for name in tensors for kind in ("ReduceMax", "ReduceMin")]
    ports = (*whole.outputs, *(Port(end, ElementType.FLOAT, ()) for end in ends))
    file = BytesIO()
    write_model(Model(graph, whole.name, whole.input, ports, whole.producer, {}), file)
    return OnnxMagnitudes(held, tensors, LoadedOnnx(file.getvalue(), device))


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
