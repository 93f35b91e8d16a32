"""The network edge of mail that comes in: LMTP (RFC 2033), and Postfix's questions about recipients (socketmap).

Rooms: ``conf`` (options), ``addresses`` (where to listen), ``commands`` (the arguments of MAIL and RCPT), ``dots``
(where DATA ends, and what it holds), ``arrival`` (a message on its way to the disk), ``session`` (one connection),
``lookups`` (what Postfix asks, one connection), ``answers`` (what runs in a thread and asks the services), ``server``
(all connections of a process), ``processes`` (the processes that share a socket).
"""
