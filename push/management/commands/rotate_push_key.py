"""``manage.py rotate_push_key``: a new key for Web Push."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from push.webpush import vapid


class Command(BaseCommand):
    """Clients see the new key in the session; push subscriptions made with the old one go on with it."""

    help = "Make a new key by which push services know this server (VAPID). Existing push subscriptions keep theirs."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and print its public part."""
        key = vapid.rotate()
        self.stdout.write(_("The key is now %(key)s") % {"key": key.public})
