"""The OpenVINO target: an IR of two files, made of our ONNX by OpenVINO's own reader of it."""
