"""Registers the ready-made project with Django, so that its commands are found."""

from importlib import import_module

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The project's own app: commands and start-up, no models."""

    name = "jmapsite"
    label = "jmap_site"
    verbose_name = "Mail site"

    def ready(self) -> None:
        """Keep a restore and a server apart, and name the broker to whoever wakes a worker.

        A site without a broker is spared the import of Celery.
        """
        from django.conf import settings

        from jmap.backup import guards
        from jmapsite.server import not_serving

        guards.register("serve", not_serving)
        if settings.CELERY_BROKER_URL:
            import_module("jmapsite.celery")
