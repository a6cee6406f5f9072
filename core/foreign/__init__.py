"""Files that others made: looked at as data first, then opened in a sandbox."""
