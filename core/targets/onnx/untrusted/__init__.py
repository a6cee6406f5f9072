"""ONNX files that others made: looked at as data before a runtime sees them."""
