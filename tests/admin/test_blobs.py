"""Blobs and emails in the admin: metadata for everybody who may look, content for those who may open it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import AsyncClient
from django.urls import reverse

from jmap.admin import blob as page_module
from jmap.blobs import service
from jmap.blobs.storage import default_store
from jmap.models import Blob
from tests.admin.conftest import Desk
from tests.store.mailroom import Mailroom, message


def stored(room: Mailroom) -> Blob:
    """The blob of an email."""
    return Blob.objects.get(pk=room.deliver("one").blob_id)


def test_the_page_of_a_blob_tells_what_is_known_and_who_needs_it(desk: Desk, room: Mailroom) -> None:
    blob = stored(room)

    text = desk.get("jmap_core_blob_change", blob.pk).content.decode()

    assert hashlib.sha256(message("one")).hexdigest() in text
    assert reverse("admin:jmap_mail_email_change", args=[room_email(blob)]) in text
    assert "Good day." not in text


def room_email(blob: Blob) -> int:
    """The email that needs a blob."""
    from mail.models import Email

    return Email.objects.get(blob=blob).pk


def test_opening_sends_the_octets_as_a_sandboxed_file(desk: Desk, room: Mailroom) -> None:
    blob = stored(room)

    response: Any = desk.post("jmap_core_blob_open", blob.pk)

    assert b"".join(response.streaming_content) == message("one")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]
    assert int(response["Content-Length"]) == len(message("one"))


def test_who_opened_what_is_written_down_before_the_first_octet(
    desk: Desk, room: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = stored(room)
    entries: list[int] = []
    whole = service.open_range

    def watched(*given: Any) -> Any:
        entries.append(LogEntry.objects.filter(user=desk.user, object_id=str(blob.pk)).count())
        return whole(*given)

    monkeypatch.setattr(page_module.service, "open_range", watched)

    desk.post("jmap_core_blob_open", blob.pk)

    assert entries == [1]
    assert LogEntry.objects.get().get_change_message() == "Opened the content."


def test_who_may_look_may_not_therefore_open(clerk: Callable[..., Desk], room: Mailroom) -> None:
    blob, desk = stored(room), clerk("view_blob")

    page = desk.get("jmap_core_blob_change", blob.pk)
    refused = desk.post("jmap_core_blob_open", blob.pk)

    assert page.status_code == 200
    assert "Open the content" not in page.content.decode()
    assert refused.status_code == 403
    assert not LogEntry.objects.exists()


def test_who_may_open_but_not_look_opens_nothing(clerk: Callable[..., Desk], room: Mailroom) -> None:
    assert clerk("open_blob").post("jmap_core_blob_open", stored(room).pk).status_code == 403
    assert not LogEntry.objects.exists()


def test_both_permissions_open(clerk: Callable[..., Desk], room: Mailroom) -> None:
    blob, desk = stored(room), clerk("view_blob", "open_blob")

    assert "Open the content" in desk.get("jmap_core_blob_change", blob.pk).content.decode()
    assert desk.post("jmap_core_blob_open", blob.pk).status_code == 200


def test_following_a_link_opens_nothing(desk: Desk, room: Mailroom) -> None:
    assert desk.get("jmap_core_blob_open", stored(room).pk).status_code == 405
    assert not LogEntry.objects.exists()


def test_octets_that_are_gone_are_said_to_be(desk: Desk, room: Mailroom) -> None:
    blob = stored(room)
    default_store().delete(service.key_of(blob))

    response = desk.client.post(reverse("admin:jmap_core_blob_open", args=[blob.pk]), follow=True)

    assert "are gone" in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_octets_are_read_as_the_reader_takes_them(desk: Desk, room: Mailroom) -> None:
    from asgiref.sync import async_to_sync

    blob = stored(room)

    async def opened() -> tuple[bool, bytes]:
        client = AsyncClient()
        await client.aforce_login(desk.user)
        response: Any = await client.post(reverse("admin:jmap_core_blob_open", args=[blob.pk]))
        return response.is_async, b"".join([slice_ async for slice_ in response.streaming_content])

    assert async_to_sync(opened)() == (True, message("one"))


@pytest.mark.parametrize("page", ["jmap_core_blob", "jmap_core_upload", "jmap_mail_email"])
def test_metadata_is_not_written(desk: Desk, room: Mailroom, page: str) -> None:
    blob = stored(room)
    key = room_email(blob) if page == "jmap_mail_email" else blob.pk

    assert desk.post(f"{page}_add").status_code == 403
    if page != "jmap_core_upload":
        assert desk.post(f"{page}_change", key).status_code == 403
        assert desk.post(f"{page}_delete", key, post="yes").status_code == 403


def test_blobs_are_found_by_id_account_owner_and_digest(desk: Desk, room: Mailroom) -> None:
    blob = stored(room)
    other = Mailroom.open()
    other.deliver("two")

    def found(words: str) -> list[int]:
        page: Any = desk.get("jmap_core_blob_changelist", q=words)
        return [row.pk for row in page.context["cl"].result_list]

    owner, digest = room.account.user.get_username(), bytes(blob.digest).hex()
    for words in (blob.wire_id, room.account.wire_id, owner, digest, f"{owner} {digest.upper()}"):
        assert found(words) == [blob.pk]
    assert found(f"{other.account.wire_id} {digest}") == []


def test_the_page_of_an_email_says_nothing_of_its_content(desk: Desk, room: Mailroom) -> None:
    email = room.deliver("one", subject="Between us", keywords=("$flagged",))

    text = desk.get("jmap_mail_email_change", email.id).content.decode()
    rows: Any = desk.get("jmap_mail_email_changelist", account__id__exact=room.account.pk)

    assert "Between us" not in text + rows.content.decode()
    assert "Good day" not in text
    assert [row.pk for row in rows.context["cl"].result_list] == [email.id]
