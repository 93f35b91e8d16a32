"""Cases about websocket."""
