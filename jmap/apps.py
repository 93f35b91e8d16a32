"""The Django app of the protocol core; its tables carry the label ``jmap_core``."""

from django.apps import AppConfig


class JmapConfig(AppConfig):
    """Registers models, signals and system checks of the core."""

    name = "jmap"
    label = "jmap_core"
    verbose_name = "JMAP"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jmap import lifecycle

        lifecycle.connect()
