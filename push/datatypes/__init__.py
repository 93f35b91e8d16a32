"""What push adds to the protocol: push subscriptions, tickets, and the capabilities that say so."""

from push.datatypes import capability, push_subscription, ticket

__all__ = ["capability", "push_subscription", "ticket"]
