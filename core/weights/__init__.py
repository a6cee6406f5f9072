"""A weights file as untrusted data: read, never executed."""
