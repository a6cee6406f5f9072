"""Small parts that repaint nothing that has not changed; they know nothing of weights and exports."""
