"""The options that are there for ONNX files."""

from __future__ import annotations

from ...option import Number, Option, Part, Switch

OPSET = Option(
    "opset",
    Number(range(11, 22)),
    17,
    Part.RECIPE,
    "ONNX operator set; 17 loads nearly everywhere",
    title="opset",
    metavar="N",
)
SIMPLIFY = Option(
    "simplify",
    Switch(),
    False,
    Part.RECIPE,
    "run onnxsim; keep its result if it is sound and no larger",
    title="simplify",
)
