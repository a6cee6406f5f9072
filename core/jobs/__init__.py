"""Jobs: what to export (spec), what happens (events), how (pipeline), in a process of their own (worker)."""
