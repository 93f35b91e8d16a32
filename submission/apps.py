"""The Django app of mail out; its tables carry the label ``jmap_submission``."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubmissionConfig(AppConfig):
    """Registers models, data types, blob references and chores of mail out."""

    name = "submission"
    label = "jmap_submission"
    verbose_name = _("Mail out")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from submission import wiring

        wiring.connect()
