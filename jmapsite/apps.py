"""Registers the ready-made project with Django, so that its commands are found."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The project's own app: commands and start-up, no models."""

    name = "jmapsite"
    label = "jmap_site"
    verbose_name = "Mail site"

    def ready(self) -> None:
        from jmap.backup import guards
        from jmapsite.server import not_serving

        guards.register("serve", not_serving)
