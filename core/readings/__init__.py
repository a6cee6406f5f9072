"""One network, four readings: written as ONNX, checked in numpy, run in torch, weighed in bytes."""
