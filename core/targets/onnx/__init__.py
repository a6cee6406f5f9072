"""The ONNX target: the graph of a network, written node by node, and its file."""
