"""Text search: one tokenizer, two indexes (tsvector with GIN, FTS5), the same answers from both.

``tokenizer`` makes tokens of messages, ``query`` reads what people look for, ``backend`` writes and asks the index of
the database in use, ``snippets`` shows where a message matched (RFC 8621 §5).
"""
