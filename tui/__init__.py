"""The screen: the terminal UI over the core."""
