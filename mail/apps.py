"""The Django app of mail; its tables carry the label ``jmap_mail``."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailConfig(AppConfig):
    """Registers models, data types, blob references and system checks of mail."""

    name = "mail"
    label = "jmap_mail"
    verbose_name = _("Mail")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from mail import wiring

        wiring.connect()
