"""An OpenVINO IR, loaded by OpenVINO for its CPU plugin."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.network import Dims
from ...precisions import Precision, prevailing
from ...units import figure
from ..contract import Contract, Port
from ..loaded import Inspection, Origin
from ..provenance import PRODUCER, origin_of
from ..target import Files
from .runtime import openvino

Array = NDArray[Any]

_HINT = "INFERENCE_PRECISION_HINT"
# Where OpenVINO keeps the properties of the ONNX file that a model was made of.
_PROPERTIES = "framework"


class LoadedOpenVino:
    """A compiled model. Loading raises what OpenVINO raises for files that it cannot take."""

    def __init__(self, files: Files) -> None:
        """Load the `.xml` and the `.bin`, to compute in float32: the default follows from the processor."""
        self._core = openvino.Core()
        xml, weights = files
        self._model = self._core.read_model(xml, weights)
        self._compiled = self._core.compile_model(self._model, "CPU", {_HINT: "f32"})
        self._last: tuple[Array, tuple[Array, ...]] | None = None

    @property
    def contract(self) -> Contract:
        if len(self._model.inputs) != 1:
            raise ValueError(f"the model has {len(self._model.inputs)} inputs")
        return Contract(_port(self._model.inputs[0]), tuple(map(_port, self._model.outputs)))

    @property
    def precision(self) -> Precision:
        elements: Counter[str] = Counter()
        for constant in self._constants():
            elements[constant.get_element_type().to_dtype().name] += math.prod(constant.shape)
        return prevailing(elements)

    @property
    def ours(self) -> bool:
        return self._properties.get("producer", "").startswith(PRODUCER)

    @property
    def origin(self) -> Origin:
        return origin_of(self._properties)

    def run(self, image: Array) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image (cast to its input's dtype)."""
        outputs = _run(self._compiled, image)
        self._last = image, outputs
        return outputs

    def lifted(self, constants: Collection[str], shown: Collection[str] = ()) -> None:
        """None: what follows from the size lies in the graph."""

    def showing(self, shown: Collection[str]) -> None:
        """None: nothing in it suppresses boxes."""

    def behind(self, tensor: str) -> None:
        """None: nothing in it suppresses boxes."""

    def weights(self) -> Mapping[str, Array]:
        return dict(_named(constant) for constant in self._constants())

    def inspections(self) -> Sequence[Inspection]:
        """What OpenVINO computes in if nobody tells it, and how far that moves the answer to the last image."""
        if self._last is None:
            return ()
        image, outputs = self._last
        del self._compiled  # both at a time take twice the memory
        by_default = self._core.compile_model(self._model, "CPU")
        hint = by_default.get_property(_HINT).get_type_name()
        if hint == "f32":
            return (Inspection("default", True, "OpenVINO computes in f32 on this processor if nobody tells it"),)
        moved = max(_moved(*pair) for pair in zip(outputs, _run(by_default, image), strict=True))
        told = f"OpenVINO's default on this processor is {hint}: it moves the answer by {figure(moved)} at most"
        return (Inspection("default", True, f"{told}; {_HINT}=f32 computes what was verified"),)

    def close(self) -> None:
        """Drop the model."""
        self.__dict__.pop("_compiled", None)
        self._last = None
        del self._model

    @property
    def _properties(self) -> Mapping[str, str]:
        if not self._model.has_rt_info([_PROPERTIES]):
            return {}
        said: Any = self._model.get_rt_info([_PROPERTIES]).value
        return {str(key): str(value) for key, value in said.items()}

    def _constants(self) -> Iterator[Any]:
        return (node for node in self._model.get_ops() if node.get_type_name() == "Constant")


def _named(constant: Any) -> tuple[str, Array]:
    """A constant's name and value, in the form of our networks: in an IR, groups are a dimension of their own."""
    name, value = constant.get_friendly_name(), constant.data
    if name.endswith(".bias"):
        return name, value.reshape(-1)
    if name.endswith(".weight") and value.ndim == 5:
        return name, value.reshape(-1, *value.shape[2:])
    return name, value


def _run(compiled: Any, image: Array) -> tuple[Array, ...]:
    port = compiled.inputs[0]
    result = compiled(image.astype(port.get_element_type().to_dtype(), copy=False))
    return tuple(np.array(result[i]) for i in range(len(compiled.outputs)))


def _moved(output: Array, other: Array) -> float:
    return float(np.abs(output.astype(np.float64) - other).max(initial=0.0))


def _port(port: Any) -> Port:
    shape = port.get_partial_shape()
    dims: Dims = tuple(dim.get_length() if dim.is_static else "?" for dim in shape)
    return Port(port.any_name, port.get_element_type().to_dtype().name, dims)
