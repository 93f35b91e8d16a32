"""How mail joins the core at start-up: rows that open blobs, parts of messages, history and chores."""

from django.apps import apps

from jmap import maintenance
from jmap.blobs import references, service
from jmap.signals import history_purged


def connect() -> None:
    """Called once by ``MailConfig.ready``."""
    from mail.lmtp import conf  # noqa: F401  declares the options
    from mail.parts import resolve
    from mail.services import retention
    from mail.services.delivery import purging

    references.register("Email", "jmap_mail.Email")
    service.register_parts(resolve)
    history_purged.connect(retention.forget_memberships, dispatch_uid="jmap_mail_history")
    maintenance.register("destroyed emails", retention.purge_retained)
    maintenance.register("delivery log", purging.purge)
    if apps.is_installed("anymail"):
        from mail import webhooks

        webhooks.connect()
