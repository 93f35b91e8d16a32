"""What push adds to the protocol: push subscriptions, tickets, and the capabilities that say so."""

from push.datatypes import ticket

__all__ = ["ticket"]
