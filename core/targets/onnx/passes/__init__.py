"""From one ONNX model to another: halved, simplified."""
