"""The rows of push: tickets, push subscriptions, and the keys that Web Push is signed with."""

from push.models.subscription import PushSubscription
from push.models.ticket import Ticket
from push.models.vapid import VapidKey

__all__ = ["PushSubscription", "Ticket", "VapidKey"]
