"""Web Push: messages to push services of devices (RFC 8030, RFC 8188, RFC 8291, RFC 8292)."""
