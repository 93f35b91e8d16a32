"""``manage.py reindex_mail``: what an older version derived is derived anew, and clients hear of what they will see."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from jmap.models.tracked import services_write
from jmap.store import changes, current_state
from mail.models import Email, EmailContent
from mail.search import backend as search
from mail.services import reindexing
from mail.services.content import CONTENT_VERSION
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("a better parser reaches the mail that is there already")]


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


def age(key: int, **fields) -> None:
    """Let an email look as an older version derived it."""
    with services_write():
        EmailContent.objects.filter(pk=key).update(version=CONTENT_VERSION - 1, **fields)


def test_what_an_older_version_derived_is_derived_anew_and_announced(room):
    old, new = room.deliver("a", subject="Tea"), room.deliver("b", subject="Cake")
    properties = EmailContent.objects.get(pk=old.id).properties
    age(old.id, properties="{}")
    since = current_state(room.account.pk, "Email")

    tally = reindexing.reindex(room.account)

    assert (tally.derived, tally.changed) == (1, 1)
    assert EmailContent.objects.get(pk=old.id).properties == properties
    assert changes(Email, "Email", room.account.pk, since, None).updated == [old.id]
    assert search.matching_ids(room.account.pk, "subject", "tea") == [old.id]
    assert search.matching_ids(room.account.pk, "subject", "cake") == [new.id]
    check(room.account.pk)


def test_what_looks_the_same_is_rewritten_in_silence(room):
    age(room.deliver("a").id)
    before = current_state(room.account.pk, "Email")

    tally = reindexing.reindex(room.account)

    assert (tally.derived, tally.changed) == (1, 0)
    assert current_state(room.account.pk, "Email") == before
    assert reindexing.outdated(room.account.pk) == 0


def test_missing_octets_are_counted_and_hinder_nothing(room, monkeypatch):
    lost, there = room.deliver("a"), room.deliver("b")
    blob = Email.objects.get(pk=lost.id).blob
    read = reindexing.blobs.read

    def missing(asked):
        if asked.pk == blob.pk:
            raise reindexing.ObjectMissing("gone")
        return read(asked)

    monkeypatch.setattr(reindexing.blobs, "read", missing)
    age(lost.id)
    age(there.id)

    tally = reindexing.reindex(room.account)

    assert (tally.derived, tally.missing) == (1, 1)


def test_the_command_says_what_it_did(room, capsys):
    age(room.deliver("a").id)

    call_command("reindex_mail", room.account.name, verbosity=0)

    assert capsys.readouterr().out == "1 derived anew, 0 of them look different to clients\n"
