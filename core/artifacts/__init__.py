"""What becomes of a network: files in their formats, written, simplified, published and accounted for."""
