"""How push joins the core at start-up: its options, the signals it hears, what it serves, its chores."""

from jmap import maintenance, work
from jmap.edge import extensions


def connect() -> None:
    """Called once by ``PushConfig.ready``."""
    # conf declares the options, checks registers itself.
    from push import announce, checks, conf, deliver, serving, subscriptions, tickets  # noqa: F401
    from push.webpush import vapid

    announce.connect()
    extensions.add(serving.extension())
    work.register(subscriptions.QUEUE, deliver.run)
    maintenance.register("push tickets", tickets.forget_old)
    maintenance.register("push subscriptions", deliver.sweep)
    maintenance.register("push keys", vapid.retire_unused)
