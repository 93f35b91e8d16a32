"""The Django app of the protocol core; its tables carry the label ``jmap_core``."""

from importlib import import_module

from django.apps import AppConfig

OPTION_MODULES = (
    "jmap.conf",
    "jmap.backup.conf",
    "jmap.blobs.conf",
    "jmap.history",
    "jmap.limits.stores",
    "jmap.edge.options",
    "jmap.work",
)
"""Modules that declare options of the setting ``JMAP``; loaded at start so that the checks know every key."""


class JmapConfig(AppConfig):
    """Registers models, signals and system checks of the core."""

    name = "jmap"
    label = "jmap_core"
    verbose_name = "JMAP"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jmap import access, durability, history, keys, lifecycle, maintenance  # noqa: F401  durability is a check
        from jmap.blobs import collector
        from jmap.registry import discover

        for module in OPTION_MODULES:
            import_module(module)
        access.connect()
        lifecycle.connect()
        keys.connect(self)
        maintenance.register("blobs", collector.collect)
        maintenance.register("history", history.purge)
        discover()
