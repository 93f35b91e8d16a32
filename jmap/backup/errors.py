"""What a backup or a restore is refused with; every message is one line for the person who runs it."""


class BackupError(Exception):
    """The backup cannot be made, or is none that can be restored here."""
