"""Is the finished file right? It is loaded back and compared with the float64 reference of the network."""
