"""The relay: takes what is due from the queue and hands it on, to a smarthost or to mail of this site.

Rooms: ``lease`` (whose a recipient is), ``routes`` (where mail leaves), ``letter`` (a message as it travels),
``sessions`` (open connections), ``transmit`` (one message, from octets to outcomes), ``notices`` (what its sender is
told), ``worker`` (all together), ``patience`` (when it is tried again).
"""
