"""The images that files are tried on."""
