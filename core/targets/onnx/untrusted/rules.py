"""What an ONNX file of others may hold: domains, operators of ONNX Runtime's own, and how much of everything."""

from __future__ import annotations

# The standard's own operators; none of them reads a file or leaves the process.
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml"))
# What ONNX Runtime's optimizer and quantizer put into a model that they save, of the domain com.microsoft. Others of
# it read files (EPContext) or generate text.
RUNTIME = "com.microsoft"
_RUNTIME_OPERATORS = """
    Attention BiasAdd BiasGelu BiasSplitGelu ConvTransposeWithDynamicPads DequantizeLinear DynamicQuantizeLSTM
    DynamicQuantizeMatMul FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation Gelu GroupNorm Inverse
    LayerNormalization
    MatMulInteger16 MatMulIntegerToFloat MultiHeadAttention NhwcConv NhwcFusedConv NhwcMaxPool Pad QAttention QGemm
    QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
    QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuickGelu QuantizeLinear SkipLayerNormalization
    SkipSimplifiedLayerNormalization SimplifiedLayerNormalization TransposeMatMul Unique
"""
RUNTIME_OPERATORS = frozenset(_RUNTIME_OPERATORS.split())
# Of all graphs and functions together, each call of a function counted as its body: the largest detectors have 2,000.
MAX_NODES = 100_000
# Tensors, attributes and ports, and the steps of all loops whose number is written in the file, times their bodies.
MAX_PARTS, MAX_LOOPED_NODES = 400_000, 1_000_000
MAX_SUBGRAPHS_DEEP = 16
# A sparse tensor is made dense when it is loaded: so much of it must be written out.
LEAST_SHARE = 0.01
