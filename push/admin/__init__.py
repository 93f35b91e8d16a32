"""Push subscriptions in the admin."""

from push.admin.subscription import PushSubscriptionAdmin

__all__ = ["PushSubscriptionAdmin"]
