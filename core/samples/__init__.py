"""Sample weights, made on the spot: real layouts, untrained values. For demonstrations and tests."""
