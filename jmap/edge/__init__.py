"""The HTTP edge: thin adapters from ASGI and Django to one endpoint function and one blob service (RFC 8620 §1.7)."""
