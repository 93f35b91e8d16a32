"""Push: changes told to clients as they happen, by EventSource, WebSocket and Web Push (RFC 8620 §7)."""
