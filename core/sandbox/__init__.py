"""A child process with limits: no files written, no network, so much memory and so much processor time."""
