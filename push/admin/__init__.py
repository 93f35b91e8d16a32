"""Push subscriptions in the admin."""
