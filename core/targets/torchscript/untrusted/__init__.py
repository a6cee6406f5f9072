"""TorchScript files that others made: read as data and as text before torch sees them."""
