"""The targets that tests name."""

from __future__ import annotations

from halfpint.core.targets import named

ONNX, TORCHSCRIPT = named("onnx"), named("torchscript")
BOTH = (ONNX, TORCHSCRIPT)
