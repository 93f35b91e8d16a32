"""Cases about submission."""
