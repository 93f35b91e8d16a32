"""Registers the app with Django."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Has no models."""

    name = "tests.wire.lab"
    label = "wire_lab"
