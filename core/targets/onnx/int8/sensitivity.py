"""How much each layer's 8 bits move the answers: measured one by one, on a few of the images, in the runtime itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

from ...budget import Divergence, Tell
from ..loaded import LoadedOnnx
from .forms import Form
from .histogram import Histogram
from .layers import Layer, beginning
from .qdq import Quantiser
from .ranges import METHODS, Method, Range, candidates

Array = NDArray[Any]

# Ranges are refined where they matter: in the layers that together make up so much of what 8 bits move.
_MOST_OF_IT = 0.9


@dataclass(frozen=True)
class Sensitivity:
    """What a layer alone moves the answers by: in 8-bit arithmetic (`whole`), and by its 8-bit weights alone."""

    whole: float
    weights: float


class Bench:
    """Answers of quantised models to a few images, held against the float32 model's."""

    def __init__(self, model: ModelProto, probes: Sequence[Array], divergence: Divergence) -> None:
        self._probes, self._divergence = probes, divergence
        loaded = LoadedOnnx(model.SerializeToString())
        self._exact = [loaded.run(image) for image in probes]
        loaded.close()

    def moved(self, model: ModelProto) -> float:
        """The mean divergence over the images."""
        loaded = LoadedOnnx(model.SerializeToString())
        try:
            pairs = ((loaded.run(image), exact) for image, exact in zip(self._probes, self._exact, strict=True))
            return sum(self._divergence(answer, exact) for answer, exact in pairs) / len(self._probes)
        finally:
            loaded.close()


@dataclass(frozen=True)
class Measured:
    """What was measured of all layers: `ranges` as they were chosen, and by which `methods`."""

    ranges: Mapping[str, Range]
    methods: Mapping[str, Method]
    sensitivities: Mapping[str, Sensitivity]
    whole: float  # with every layer in 8 bits


def measured(quantiser: Quantiser, histograms: Mapping[str, Histogram], bench: Bench, tell: Tell) -> Measured:
    """Choose each tensor's range by what it does to the answers, and measure each layer alone.

    The method that serves the whole model best is where it begins; in the layers that matter most, each tensor is
    tried with every other one.
    """
    layers = list(quantiser.layers.values())
    activations = {layer.y: layer.activation for layer in layers}
    ways = {name: candidates(h, quantiser.scheme, activations.get(name, "")) for name, h in histograms.items()}
    served = [layer for layer in layers if layer.served]
    total = len(METHODS) + len(layers) + len(served)
    done = 0

    def step(text: str) -> None:
        nonlocal done
        done += 1
        tell(done, total, text)

    everywhere = beginning(layers)
    moved: dict[Method, float] = {}
    for method in METHODS:
        moved[method] = bench.moved(quantiser.model(everywhere, _by(ways, dict.fromkeys(ways, method))))
        step(f"all ranges by {method}")
    methods = dict.fromkeys(ways, min(moved, key=moved.__getitem__))

    def alone(layer: Layer, form: Form) -> float:
        return bench.moved(quantiser.model({layer.name: form}, _by(ways, methods)))

    weights, whole = dict[str, float](), dict[str, float]()
    for layer in layers:
        weights[layer.name] = alone(layer, Form.INT8_WEIGHTS)
        step(f"{layer.name}: weights")
    for layer in served:
        whole[layer.name] = alone(layer, Form.INT8)
        step(layer.name)
    chosen = _that_matter(served, whole)
    for number, layer in enumerate(chosen):
        for tensor in dict.fromkeys((layer.x, layer.y)):
            for method in METHODS:
                kept, methods[tensor] = methods[tensor], method
                moves = whole[layer.name] if method == kept else alone(layer, Form.INT8)
                if moves < whole[layer.name]:
                    whole[layer.name] = moves
                else:
                    methods[tensor] = kept
        tell(number + 1, len(chosen), f"{layer.name}: ranges")
    ranges = _by(ways, methods)
    found = {
        layer.name: Sensitivity(whole.get(layer.name, weights[layer.name]), weights[layer.name]) for layer in layers
    }
    return Measured(ranges, methods, found, bench.moved(quantiser.model(everywhere, ranges)))


def _by(ways: Mapping[str, Mapping[Method, Range]], methods: Mapping[str, Method]) -> Mapping[str, Range]:
    return {name: ranges[methods[name]] for name, ranges in ways.items()}


def _that_matter(layers: Sequence[Layer], whole: Mapping[str, float]) -> Sequence[Layer]:
    """Those that together make up most of what all move, the largest first."""
    ordered = sorted(layers, key=lambda layer: -whole[layer.name])
    enough, sum_so_far, chosen = _MOST_OF_IT * sum(whole.values()), 0.0, list[Layer]()
    for layer in ordered:
        if sum_so_far >= enough:
            break
        chosen.append(layer)
        sum_so_far += whole[layer.name]
    return chosen


def tensors_of(layers: Sequence[Layer]) -> Sequence[str]:
    """The tensors that 8-bit arithmetic reads and gives, each once."""
    return list(dict.fromkeys(chain.from_iterable((layer.x, layer.y) for layer in layers if layer.served)))
