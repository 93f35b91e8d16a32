"""``manage.py reseal_secrets``: seal every stored secret with the newest key, so that an older one can be left out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from submission.secrets import SealBroken
from submission.services import smarthosts


class Command(BaseCommand):
    """Seals passwords of smarthosts and DKIM keys anew; safe to run while the server does."""

    help = "Seals stored secrets with the first of SECRET_KEYS, or with SECRET_KEY where there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal all or none."""
        try:
            count = smarthosts.reseal()
        except SealBroken as error:
            raise CommandError(str(error)) from error
        words = ngettext("%(count)d secret was sealed anew.", "%(count)d secrets were sealed anew.", count)
        self.stdout.write(words % {"count": count})
