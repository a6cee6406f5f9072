"""A short program that shows how an artifact is used."""
