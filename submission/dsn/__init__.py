"""Reports on mail: delivery status notifications made and read (RFC 3464), and what else comes back about it.

Octets in and out; no rows here.
"""
