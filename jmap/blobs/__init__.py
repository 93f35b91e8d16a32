"""Blobs: octets by account and digest, their life, and how they travel (RFC 8620 §6).

``storage`` keeps the octets, ``service`` the rows beside them, ``references`` who needs them, ``uploads`` what nobody
needs yet, ``collector`` removes what nobody needs any more, ``transfer`` speaks HTTP without a framework.
"""
