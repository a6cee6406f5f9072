"""Proof on the user's own images: what an artifact finds of what the network finds in the reference precision."""
