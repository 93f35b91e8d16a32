"""Commands: each a thin reader of arguments over services."""
