"""Push: the hub by itself, and event streams, WebSockets and Web Push over running servers."""
