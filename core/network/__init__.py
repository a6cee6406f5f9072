"""The language that networks are described in: layers with weights, and the operations between them."""
