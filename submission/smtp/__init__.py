"""SMTP as a client speaks it (RFC 5321): pure input and output, without Django, rows or settings.

Not built on ``smtplib``: it reads replies without end, bounds each read but no phase, knows no pipelining, and takes a
message whole. What is left of it would be the parsing of EHLO.
"""
