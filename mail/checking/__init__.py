"""Whether the store agrees with itself: everything derived is counted anew, and what is wrong can be mended.

A file for each kind of fault, ``runner`` for the walk over accounts, ``sql`` for the questions. What the tests hold the
services to (``tests/store/invariants.py``) is stated there once more, by other means.
"""
