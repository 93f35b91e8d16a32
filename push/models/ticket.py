"""Ticket: what a browser opens a stream with, since it can send no Authorization header there."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """``login`` names the credentials that it dies with; ``holder`` the stream that it is open for, if any.

    It is good until ``good_until``, which an open stream moves on, and never beyond ``ends_at``.
    """

    class Kind(models.TextChoices):
        """What it opens."""

        EVENT_SOURCE = "eventSource"
        WEB_SOCKET = "webSocket"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    secret_digest = models.BinaryField(max_length=32, unique=True)
    login = models.CharField(max_length=100)
    holder = models.CharField(max_length=16, default="")
    good_until = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"ticket {self.pk}"
