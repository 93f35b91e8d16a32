"""The Django app of push; its tables carry the label ``jmap_push``."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PushConfig(AppConfig):
    """Registers models, data types, the edge's extension and chores of push."""

    name = "push"
    label = "jmap_push"
    verbose_name = _("Push")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from push import wiring

        wiring.connect()
