"""Cases about the core protocol."""
