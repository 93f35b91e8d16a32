"""Push subscriptions in the admin: seen without their secrets, and removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from push.models import PushSubscription
from push.webpush import vapid
from push.webpush.target import Target
from tests.admin.conftest import Desk

PAGE = "jmap_push_pushsubscription"


def a_subscription(user: Any, device: str) -> PushSubscription:
    """A push subscription as a client made it."""
    now = timezone.now()
    return PushSubscription.objects.create(
        user=user,
        login="password x",
        device=device,
        host="push.example",
        target=Target("https://push.example/secret-address").sealed(),
        vapid_key=vapid.current_key(),
        expires_at=now + timedelta(days=7),
        code="secret-code",
        due_at=now,
    )


def test_a_subscription_is_shown_without_what_only_its_device_may_know(desk: Desk) -> None:
    row = a_subscription(desk.user, "a889")

    pages = [desk.get(f"{PAGE}_changelist"), desk.get(f"{PAGE}_change", row.pk)]

    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert "a889" in text
        assert "push.example" in text
        assert "secret-" not in text
        assert "password x" not in text


def test_an_operator_finds_the_subscriptions_of_a_user_and_removes_one(desk: Desk) -> None:
    other = get_user_model().objects.create_user("other")
    mine, theirs = a_subscription(desk.user, "mine"), a_subscription(other, "theirs")

    found = desk.get(f"{PAGE}_changelist", q="other").content.decode()
    removed = desk.post(f"{PAGE}_delete", theirs.pk, post="yes")

    assert "theirs" in found
    assert "mine" not in found
    assert removed.status_code == 302
    assert list(PushSubscription.objects.all()) == [mine]


def test_nobody_makes_or_changes_one_here(desk: Desk, clerk: Callable[..., Desk]) -> None:
    row = a_subscription(desk.user, "a889")
    viewer = clerk("view_pushsubscription")

    assert desk.get(f"{PAGE}_add").status_code == 403
    assert desk.post(f"{PAGE}_change", row.pk, device="other").status_code == 403
    assert viewer.get(f"{PAGE}_change", row.pk).status_code == 200
    assert viewer.post(f"{PAGE}_delete", row.pk, post="yes").status_code == 403
