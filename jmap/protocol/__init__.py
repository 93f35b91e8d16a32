"""JMAP without I/O (RFC 8620): types, requests, the six standard methods, dispatch.

Rules this package keeps:
- it imports the standard library alone: no Django, no database, no HTTP;
- it knows nothing of mail: every data type reaches it as a declaration in a Registry;
- what it needs of the world (stores, transactions) it asks for through the Protocols of ``ports``.
"""
