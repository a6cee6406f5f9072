"""The TorchScript target: a network traced by torch, and its file."""
