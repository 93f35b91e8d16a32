"""All that writes mail out: the one way for methods, admin, commands and workers."""
