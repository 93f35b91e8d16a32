"""Cases about push."""
