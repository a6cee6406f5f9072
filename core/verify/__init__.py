"""Is the finished file right? It is loaded back and compared with the network's reference."""
