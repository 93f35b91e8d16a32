"""The MIME library: octets to the values of RFC 8621 §4.1 and back, without a database."""
