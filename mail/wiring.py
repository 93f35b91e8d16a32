"""How mail joins the core at start-up: which of its rows open blobs, and who finds the parts of messages."""

from jmap.blobs import references, service


def connect() -> None:
    """Called once by ``MailConfig.ready``."""
    from mail.parts import resolve

    references.register("Email", "jmap_mail.Email")
    service.register_parts(resolve)
