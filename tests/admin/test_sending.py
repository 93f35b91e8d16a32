"""Identities, rights to domains, vacation responses and submissions in the admin."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from jmap import store
from mail.models import Domain
from submission.models import DomainGrant, EmailSubmission, Identity, VacationResponse
from tests.admin.conftest import Desk, errors
from tests.store.mailroom import Mailroom
from tests.submission.conftest import Sender, alice

__all__ = ["alice"]


def test_an_identity_is_made_and_clients_hear_of_it(desk: Desk, alice: Sender) -> None:
    before = store.current_state(alice.account.pk, "Identity")

    response = desk.post(
        "jmap_submission_identity_add", account=alice.account.pk, email="alice@example.org", name="Desk"
    )

    assert response.status_code == 302
    assert Identity.objects.filter(name="Desk").exists()
    assert store.current_state(alice.account.pk, "Identity") != before


def test_an_identity_of_a_strangers_address_is_refused_beside_the_field(desk: Desk, alice: Sender) -> None:
    response = desk.post("jmap_submission_identity_add", account=alice.account.pk, email="x@elsewhere.test")

    assert "email" in errors(response)


def test_an_identity_is_changed_and_a_bad_name_is_shown(desk: Desk, alice: Sender) -> None:
    key = Identity.objects.get().pk

    desk.post("jmap_submission_identity_change", key, name="Al", text_signature="-- \nA.")
    response = desk.post("jmap_submission_identity_change", key, name="a\u0007b")

    assert Identity.objects.get().name == "Al"
    assert "name" in errors(response)


def test_the_identity_of_the_primary_address_stays(desk: Desk, alice: Sender) -> None:
    desk.post("jmap_submission_identity_delete", Identity.objects.get().pk, post="yes")

    assert Identity.objects.count() == 1


def test_a_right_to_a_domain_is_given_and_taken_back(desk: Desk, alice: Sender) -> None:
    desk.post("jmap_submission_domaingrant_add", account=alice.account.pk, domain=Domain.objects.get().pk)
    granted = set(Identity.objects.values_list("email", flat=True))
    grant = DomainGrant.objects.get()

    desk.post("jmap_submission_domaingrant_delete", grant.pk, post="yes")

    assert granted == {"alice@example.org", "*@example.org"}
    assert set(Identity.objects.values_list("email", flat=True)) == {"alice@example.org"}
    assert LogEntry.objects.filter(object_repr=str(grant)).count() == 2


def test_a_vacation_response_is_made_and_changed(desk: Desk, alice: Sender) -> None:
    before = store.current_state(alice.account.pk, "VacationResponse")

    desk.post("jmap_submission_vacationresponse_add", account=alice.account.pk, is_enabled="on", text_body="Away.")
    row = VacationResponse.objects.get()
    desk.post("jmap_submission_vacationresponse_change", row.pk, text_body="Away.", subject="Gone")

    shown = alice.call("VacationResponse/get", ids=None)["list"][0]
    assert (shown["isEnabled"], shown["textBody"], shown["subject"]) == (False, "Away.", "Gone")
    assert store.current_state(alice.account.pk, "VacationResponse") != before


def test_a_submission_is_shown_with_its_deliveries_and_not_changed(desk: Desk, alice: Sender) -> None:
    alice.sent(alice.draft(subject="between us"))
    row = EmailSubmission.objects.get()

    page = desk.get("jmap_submission_emailsubmission_change", row.pk).content.decode()

    assert "bob@example.net: waiting" in page
    assert "between us" not in page
    assert desk.post("jmap_submission_emailsubmission_delete", row.pk, post="yes").status_code == 403


@pytest.mark.parametrize("page", ["identity", "domaingrant", "vacationresponse", "emailsubmission"])
def test_rows_are_found_by_whose_they_are(desk: Desk, alice: Sender, room: Mailroom, page: str) -> None:
    alice.sent()
    desk.post("jmap_submission_domaingrant_add", account=alice.account.pk, domain=Domain.objects.first().pk)
    desk.post("jmap_submission_vacationresponse_add", account=alice.account.pk)

    found = desk.get(f"jmap_submission_{page}_changelist", q="alice@example.org").context["cl"].result_count
    others = desk.get(f"jmap_submission_{page}_changelist", q="nobody@example.org").context["cl"].result_count

    assert found >= 1
    assert others == 0
