"""Cases about extensions that a server may offer."""
