"""Peak memory before anything runs: what a network needs, what a job needs, and whether it fits."""
