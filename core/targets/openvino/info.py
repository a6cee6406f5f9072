"""What an OpenVINO IR tells of itself, read from its XML as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ...network.network import Dims
from ..artifact_info import ArtifactInfo, StoredTensor, Tally
from ..contract import Port
from ..target import Files

# What passes a constant on: the weights that it reads are those of the layer behind it.
_PASSES_ON = frozenset(("Convert", "Reshape"))
# As an IR spells them, of constants and of ports.
_DTYPES = {
    "f16": "float16",
    "fp16": "float16",
    "f32": "float32",
    "fp32": "float32",
    "f64": "float64",
    "fp64": "float64",
}
_DTYPES |= {"bf16": "bfloat16", "boolean": "bool"}
_DTYPES |= {f"{kind[0]}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (4, 8, 16, 32, 64)}


def openvino_info(files: Files) -> ArtifactInfo:
    """The facts of an IR that was looked at (`checked_openvino`)."""
    root = ElementTree.fromstring(files[0])
    layers = {layer.get("id", ""): layer for layer in root.iterfind("layers/layer")}
    readers: dict[str, str] = {}
    sources: dict[str, tuple[str, str]] = {}  # the layer and port that a layer's last input comes from
    for edge in root.iterfind("edges/edge"):
        readers.setdefault(edge.get("from-layer", ""), edge.get("to-layer", ""))
        sources[edge.get("to-layer", "")] = edge.get("from-layer", ""), edge.get("from-port", "")
    tally = Tally()
    for number, layer in layers.items():
        data = layer.find("data")
        if layer.get("type") == "Const" and data is not None:
            tally.tensors.append(_constant(layer, data, _reader(number, readers, layers)))
    tally.nodes.update(layer.get("type", "") for layer in layers.values() if layer.get("type") != "Const")
    properties = dict(_properties(root))
    return ArtifactInfo(
        producer=properties.get("framework.producer", ""),
        inputs=tuple(_port(layer, layer.find("output/port")) for layer in _of(layers, "Parameter").values()),
        outputs=tuple(_port(layer, _port_of(layers, sources.get(n))) for n, layer in _of(layers, "Result").items()),
        facts={"IR version": root.get("version", "")},
        properties=properties,
        dtypes=tally.dtypes(),
        operators=tally.operators(),
        largest=tally.largest(),
        tensors=len(tally.tensors),
    )


def _constant(layer: Element, data: Element, operator: str) -> StoredTensor:
    dims = tuple(int(dim) for dim in data.get("shape", "").split(",") if dim.strip().isdecimal())
    dtype = data.get("element_type", "")
    return StoredTensor(layer.get("name", ""), _DTYPES.get(dtype, dtype), dims, int(data.get("size", "0")), operator)


def _reader(number: str, readers: Mapping[str, str], layers: Mapping[str, Element]) -> str:
    """The kind of the first layer that computes with a constant; empty if there is none."""
    seen: set[str] = set()  # a crafted file may go in a circle
    kind = ""
    while (number := readers.get(number, "")) in layers and number not in seen:
        seen.add(number)
        kind = layers[number].get("type", "")
        if kind not in _PASSES_ON:
            break
    return kind


def _of(layers: Mapping[str, Element], kind: str) -> Mapping[str, Element]:
    """All layers of one kind; the keys are their numbers in the file."""
    return {number: layer for number, layer in layers.items() if layer.get("type") == kind}


def _port_of(layers: Mapping[str, Element], source: tuple[str, str] | None) -> Element | None:
    """The port that a layer's input comes from, which has the tensor's name."""
    number, port = source or ("", "")
    outputs = layers[number].iterfind("output/port") if number in layers else ()
    return next((each for each in outputs if each.get("id") == port), None)


def _port(layer: Element, port: Element | None) -> Port:
    if port is None:
        return Port(layer.get("name", ""), "?", ())
    dtype = port.get("precision", "").lower()
    dims: Dims = tuple(_dim(dim.text or "") for dim in port.iterfind("dim"))
    return Port(port.get("names", "").split(",")[0] or layer.get("name", ""), _DTYPES.get(dtype, dtype), dims)


def _dim(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 16 else "?"


def _properties(root: Element) -> Iterator[tuple[str, str]]:
    """What is told at the end of the XML, by the path of each element: `conversion_parameters.framework`."""
    for top in root.iterfind("rt_info"):
        stack = [(child, child.tag) for child in reversed(top)]
        while stack:
            element, path = stack.pop()
            if element.get("value") is not None:
                yield path, element.get("value", "")
            stack += [(child, f"{path}.{child.tag}") for child in reversed(element)]
