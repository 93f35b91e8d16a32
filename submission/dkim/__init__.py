"""DKIM: keys, the DNS records that publish them, and signatures (RFC 6376, RFC 8463). No rows and no settings here."""
