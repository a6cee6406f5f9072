"""An OpenVINO IR read as data, before OpenVINO sees it: plain layers, whose constants lie in the second file.

Layers are held against a list of those that compute something from tensors. Left out are those that hold models of
their own and repeat them, keep a state from one run to the next, or come from a library that would have to be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat

from ...errors import ArtifactRefused
from ...untrusted import printable
from ..target import Files

# Of our networks and of those that OpenVINO's converter makes of other detectors.
_LAYERS = frozenset(
    re.findall(
        r"\w+",
        """
        Parameter Const Result Convert ConvertLike
        Convolution GroupConvolution ConvolutionBackpropData GroupConvolutionBackpropData MatMul
        Add Subtract Multiply Divide Power Maximum Minimum Mod FloorMod SquaredDifference
        Abs Ceiling Clamp Cos Elu Erf Exp Floor Gelu HSigmoid HSwish HardSigmoid Log LogSoftmax Mish Negative PReLU
        ReLU Relu Round Selu Sigmoid Sign Sin SoftMax Softmax SoftPlus Softsign Sqrt Swish Tanh
        AvgPool MaxPool AdaptiveAvgPool AdaptiveMaxPool BatchNormInference GroupNormalization LRN MVN NormalizeL2
        ReduceL1 ReduceL2 ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
        Broadcast Concat DepthToSpace Gather GatherElements GatherND Interpolate Pad Range Reshape ReverseSequence
        ScatterElementsUpdate ScatterNDUpdate ScatterUpdate Select ShapeOf ShuffleChannels Slice SpaceToDepth Split
        Squeeze StridedSlice Tile Transpose Unsqueeze VariadicSplit
        Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalNot LogicalOr LogicalXor NotEqual
        CumSum FakeQuantize NonMaxSuppression NonZero OneHot TopK
        """,
    )
)
_OPSETS = re.compile(r"opset([1-9]|1[0-9])")
# An IR is six deep; of other exporters' files, none is known to be deeper than ten.
_DEEPEST = 30
_FIX = "the file is damaged or was made by hand, or it uses something that Halfpint does not open"


def checked_openvino(files: Files) -> Files:
    """The files as they are. Raises `ArtifactRefused` with the name of what may not be in them."""
    xml, weights = files
    look = _Look(len(weights))
    parser = expat.ParserCreate()
    parser.StartElementHandler = look.begin
    parser.EndElementHandler = look.end
    parser.StartDoctypeDeclHandler = look.doctype
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ArtifactRefused(f"it is no OpenVINO model: {expat.ErrorString(error.code)}", _FIX) from error
    if not look.layers:
        raise ArtifactRefused("it is XML, and no OpenVINO model", _FIX)
    return files


class _Look:
    """What is seen of the XML, element by element. Its methods raise `ArtifactRefused`."""

    def __init__(self, nbytes: int) -> None:
        """`nbytes`: of the second file."""
        self.layers = 0
        self._nbytes = nbytes
        self._depth = 0

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth == 1 and name != "net":
            raise ArtifactRefused("it is XML, and no OpenVINO model", _FIX)
        if self._depth > _DEEPEST:
            raise ArtifactRefused("its XML is nested too deeply for an OpenVINO model", _FIX)
        if name == "layer":
            self._layer(attributes.get("type", ""), attributes.get("version", ""))
        elif name == "data" and "offset" in attributes:
            self._constant(attributes["offset"], attributes.get("size", ""))
        elif name in ("body", "then_body", "else_body", "port_map"):
            raise ArtifactRefused("a layer of it holds a model of its own", _FIX)

    def end(self, _: str) -> None:
        """An element ends."""
        self._depth -= 1

    def doctype(self, *_: object) -> None:
        """A document type, which could declare entities."""
        raise ArtifactRefused("its XML declares a document type, which no OpenVINO model does", _FIX)

    def _layer(self, kind: str, version: str) -> None:
        self.layers += 1
        if kind not in _LAYERS:
            raise ArtifactRefused(f"it has a layer of the type {printable(kind, 40)}, which is not opened here", _FIX)
        if not _OPSETS.fullmatch(version):
            raise ArtifactRefused(f"its layer {kind} is of {printable(version, 40)}, no operator set of OpenVINO", _FIX)

    def _constant(self, offset: str, size: str) -> None:
        numbers = offset.isdecimal() and size.isdecimal() and len(offset) < 16 and len(size) < 16
        if not numbers or int(offset) + int(size) > self._nbytes:
            raise ArtifactRefused("a constant of it lies beyond the end of its .bin", _FIX)
