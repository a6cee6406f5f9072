"""A file gets its final name in one step, or not at all: drafts, one job at a time on a name, undone after a crash."""
