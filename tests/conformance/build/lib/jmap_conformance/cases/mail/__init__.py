"""Cases about mail."""
