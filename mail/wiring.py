"""How mail joins the core at start-up: its data types, and the tables of its that refer to blobs."""


def connect() -> None:
    """Called once by ``MailConfig.ready``."""
