"""Requests, uploads, paths and messages that nobody would send: never a failure of the server."""
