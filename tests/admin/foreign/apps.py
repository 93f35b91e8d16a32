"""Registers the app with Django."""

from django.apps import AppConfig


class ForeignConfig(AppConfig):
    """Holds the user model."""

    name = "tests.admin.foreign"
    label = "foreign"
    default_auto_field = "django.db.models.BigAutoField"
