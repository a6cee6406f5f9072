"""The blocks that several families build their networks of: what they compute, and how modules describe them."""
