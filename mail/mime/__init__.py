"""The MIME half of the server: octets in memory to the values of RFC 8621 §4.1, and back.

Pure functions over bytes or an mmap: no database, no files, no network, no settings. A message is scanned once by
offsets (`index.parse`); everything else reads the index and slices of the message.

Rules kept by every module here:
- Malformed mail is always shown and never raises; only what a caller composes (`compose`) can be refused.
- Time is linear in the size of the message; attachments are never copied whole to be measured.
- No string that leaves holds NUL or a lone surrogate, so that it fits JSON, PostgreSQL and SQLite alike.
"""
