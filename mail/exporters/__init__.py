"""Where mail is exported to: one folder, described the same way whatever the layout of the messages in it.

``manifest.json`` comes last and says that the export is whole, ``mailboxes.jsonl`` and ``emails.jsonl`` hold an object
a line, named as in RFC 8621, and each email says which file its octets are in. Layouts differ in those files alone:
``archive`` (named by digest), ``maildir`` and ``mbox``, which other programs read too. ``mail.importers.exported``
reads all three; docs/operations.md describes the format.
"""
