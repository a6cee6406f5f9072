"""The screens: the main one, and those that lie on top of it for a moment."""
