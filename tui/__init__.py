"""The terminal: the `halfpint` command and its screen, over the core."""
