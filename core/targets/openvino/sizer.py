"""The sizes of a network's OpenVINO IRs, before OpenVINO is imported: to about a percent.

The `.bin` holds the weights and what follows from the size of the image, to the byte but for some shapes, and for equal
tensors, which share a place. The `.xml` is a linear fit in the nodes and the tensors of the ONNX file it is made of.
"""

from __future__ import annotations

import math

from ...network.network import Network
from ...readings.size_constants import size_constants
from ...readings.weigher import weights_nbytes
from ..onnx.model import onnx_model
from ..onnx.options import OPSET
from ..onnx.size_initializers import initializer
from ..onnx.sizer import GROWS
from ..provenance import Provenance, metadata
from ..target import Build, Size

# Least squares over 56 IRs of OpenVINO 2026.4 (YOLOv5 v2.0 to master, segmentation, P6; the three DBNets; FP32 and
# FP16, static and dynamic): off by 7 % of an .xml of a quarter of a megabyte at most.
_BYTES_A_NODE, _BYTES_A_TENSOR = 474, 985
# Of each weight and tensor in 8 bits, in an INT8 IR of yolov5n: what makes floats of it and back, and its constants.
_BYTES_IN_EIGHT_BITS = 6_000


class OpenVinoSizer:
    """Predicts for one network. Asked again, it reuses how many nodes and tensors there are."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._xml: dict[bool, int] = {}  # by whether axes are dynamic; a precision adds a handful of nodes at most

    def size(self, build: Build, provenance: Provenance) -> Size:
        """The bytes of both files. Raises `BadRequest` if the network cannot take the size."""
        network = self.network
        promised = build.contract(network)
        if build.dynamic not in self._xml:
            graph = onnx_model(network, promised, build.precision, OPSET.default, build.shape, provenance).graph
            counted = len(graph.nodes) * _BYTES_A_NODE + len(graph.initializers) * _BYTES_A_TENSOR
            self._xml[build.dynamic] = counted
        said = metadata(network, build.precision, build.shape, provenance)
        xml = self._xml[build.dynamic] + len(str(said))
        constants = [] if build.dynamic else map(initializer, size_constants(network, build.shape.dims))
        varying = sum(4 * math.prod(constant.shape) for constant in constants)
        weights = weights_nbytes(network, build.precision.weights.itemsize)
        if build.precision.needs_images:
            return Size(xml + weights + varying + _BYTES_IN_EIGHT_BITS * self._quantised(build, provenance), GROWS)
        return Size(xml + weights + varying, "predicted to within 1 %")

    def _quantised(self, build: Build, provenance: Provenance) -> int:
        """How many weights and tensors are in 8 bits, with all convolutions so."""
        promised = build.contract(self.network)
        graph = onnx_model(self.network, promised, build.precision, OPSET.default, build.shape, provenance).graph
        convolutions = [node for node in graph.nodes if node.kind == "Conv"]
        return len(convolutions) + len({name for node in convolutions for name in (node.inputs[0], node.outputs[0])})
