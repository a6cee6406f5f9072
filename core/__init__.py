"""The core library: inspecting, exporting, halving and verifying detector weights. No terminal in here."""
