"""How push joins the core at start-up: its options, the signals it hears, what it serves, its chores."""

from jmap import maintenance
from jmap.edge import extensions


def connect() -> None:
    """Called once by ``PushConfig.ready``."""
    from push import announce, conf, serving, tickets  # noqa: F401  conf declares the options

    announce.connect()
    extensions.add(serving.extension())
    maintenance.register("push tickets", tickets.forget_old)
