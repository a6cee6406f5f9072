"""INT8 for ONNX: ranges from images, 8-bit arithmetic where the answers bear it, the rest in float, within a budget."""
