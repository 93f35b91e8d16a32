"""VacationResponse: what is kept of it, and whom it answers (RFC 8621 §8, RFC 3834, RFC 5230)."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.blobs.spool import Spool
from mail.models import Email
from mail.services import accounts
from mail.services.delivery.envelope import Envelope
from mail.services.delivery.service import deliver
from submission.models import QueuedMessage, VacationDue, VacationReply
from submission.services import vacation
from tests.submission.conftest import Sender

AWAY = {"isEnabled": True, "subject": "Away", "textBody": "Back on Monday."}
LETTER = (
    "From: Bob <bob@example.net>",
    "To: Alice <alice@example.org>",
    "Subject: lunch",
    "Message-ID: <2@x>",
    "References: <1@x>",
)


def set_away(sender: Sender, **properties: Any) -> dict[str, Any]:
    """The answer to changing the response."""
    return sender.call("VacationResponse/set", update={"singleton": {**AWAY, **properties}})


def arrive(
    *fields: str, mail_from: str = "bob@example.net", to: str = "alice@example.org", body: str = "hello"
) -> None:
    """Let a message be delivered."""
    data = "\r\n".join((*(fields or LETTER), "", body, "")).encode()
    with Spool() as spool:
        spool.write_all([data])
        (outcome,) = deliver(spool, Envelope(mail_from, [to], once=False))
    assert outcome.is_success


def answers() -> list[QueuedMessage]:
    """What is queued after a worker has answered what is due."""
    vacation.answer_due()
    assert not VacationDue.objects.exists()
    return list(QueuedMessage.objects.filter(origin="vacation").order_by("pk"))


def text(message: QueuedMessage) -> EmailMessage:
    """A queued message, read."""
    assert message.blob is not None
    return message_from_bytes(blobs.read(message.blob), policy=policy.default)


# -------------------------------------------------------------------------------------------------------- the singleton


@pytest.mark.rfc(8621, "8.1")
@pytest.mark.parametrize("ids", [None, ["singleton"]])
def test_there_is_one_from_the_start_and_it_is_off(alice: Sender, ids: Any) -> None:
    answer = alice.call("VacationResponse/get", ids=ids)

    assert answer["list"] == [
        {
            "id": "singleton",
            "isEnabled": False,
            "fromDate": None,
            "toDate": None,
            "subject": None,
            "textBody": None,
            "htmlBody": None,
        }
    ]


@pytest.mark.rfc(8621, "8.1")
def test_no_other_is_found(alice: Sender) -> None:
    answer = alice.call("VacationResponse/get", ids=["v1", "singleton"], properties=["isEnabled"])

    assert answer["list"] == [{"id": "singleton", "isEnabled": False}]
    assert answer["notFound"] == ["v1"]


@pytest.mark.rfc(8621, "8.2")
def test_what_is_set_is_kept(alice: Sender) -> None:
    dates = {"fromDate": "2024-01-01T00:00:00Z", "toDate": "2024-02-01T12:30:00Z", "htmlBody": "<p>Back"}

    answer = set_away(alice, **dates)

    assert answer["updated"] == {"singleton": None}
    assert answer["oldState"] != answer["newState"]
    assert alice.call("VacationResponse/get", ids=None)["list"] == [{"id": "singleton", **AWAY, **dates}]


@pytest.mark.rfc(8621, "8.2")
def test_it_is_neither_created_nor_destroyed(alice: Sender) -> None:
    answer = alice.call("VacationResponse/set", create={"v": AWAY}, destroy=["singleton"], update={"other": AWAY})

    assert answer["notCreated"]["v"]["type"] == "singleton"
    assert answer["notDestroyed"]["singleton"]["type"] == "singleton"
    assert answer["notUpdated"]["other"]["type"] == "notFound"


@pytest.mark.rfc(8620, "5.3")
def test_setting_what_is_there_moves_no_state(alice: Sender) -> None:
    set_away(alice)

    answer = set_away(alice)

    assert answer["oldState"] == answer["newState"]


@pytest.mark.rfc(8621, "8.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "a\r\nBcc: all@example.org"),
        ("subject", "x" * 501),
        ("textBody", "\0"),
        ("htmlBody", "x" * 100_001),
        ("fromDate", "tomorrow"),
        ("isEnabled", "yes"),
    ],
)
def test_what_it_cannot_say_is_refused(alice: Sender, name: str, value: Any) -> None:
    error = set_away(alice, **{name: value})["notUpdated"]["singleton"]

    assert (error["type"], error["properties"]) == ("invalidProperties", [name])


# ----------------------------------------------------------------------------------------------------- what is answered


@pytest.mark.rfc(3834, "3")
def test_a_letter_is_answered_as_it_should_be(alice: Sender) -> None:
    set_away(alice)
    arrive()

    (message,) = answers()

    written, recipient = text(message), message.recipients.get()
    assert (message.mail_from, recipient.address, recipient.notify) == ("", "bob@example.net", "NEVER")
    assert str(written["From"]) == "Alice <alice@example.org>"
    assert str(written["To"]) == "bob@example.net"
    assert str(written["Subject"]) == "Away"
    assert str(written["Auto-Submitted"]) == "auto-replied"
    assert str(written["In-Reply-To"]) == "<2@x>"
    assert str(written["References"]) == "<1@x> <2@x>"
    assert written.get_content().strip() == "Back on Monday."


@pytest.mark.rfc(8621, "8")
def test_what_the_user_leaves_open_is_made_up(alice: Sender) -> None:
    set_away(alice, subject=None, textBody=None)
    arrive()

    written = text(answers()[0])

    assert str(written["Subject"]) == "Auto: lunch"
    assert "away" in written.get_content()


@pytest.mark.rfc(8621, "8")
def test_html_alone_gets_a_plain_text_of_the_same(alice: Sender) -> None:
    set_away(alice, textBody=None, htmlBody="<p>Back on <b>Monday</b></p>")
    arrive()

    written = text(answers()[0])

    assert written.get_content_type() == "multipart/alternative"
    plain, html = written.iter_parts()
    assert plain.get_content().strip() == "Back on Monday"
    assert html.get_content().strip() == "<p>Back on <b>Monday</b></p>"


@pytest.mark.rfc(5230, "4.2")
def test_a_sender_hears_once_in_a_period_and_again_when_the_words_change(alice: Sender) -> None:
    set_away(alice)
    arrive()
    arrive(mail_from="BOB@Example.net")
    once = len(answers())
    arrive(mail_from="carol@example.net")
    two_people = len(answers())

    set_away(alice, textBody="Back on Tuesday.")
    arrive()
    changed = len(answers())
    VacationReply.objects.update(replied_at=timezone.now() - timedelta(days=7, minutes=1))
    arrive()

    assert (once, two_people, changed, len(answers())) == (1, 2, 3, 4)


@pytest.mark.rfc(8621, "8")
@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"fromDate": -1, "toDate": 1}, 1),
        ({"fromDate": 1}, 0),
        ({"toDate": -1}, 0),
        ({"fromDate": -1}, 1),
        ({"toDate": 1}, 1),
    ],
    ids=str,
)
def test_only_what_arrives_between_the_dates_is_answered(alice: Sender, dates: dict[str, int], expected: int) -> None:
    now = timezone.now()
    when = {name: f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for name, days in dates.items()}
    set_away(alice, **when)
    arrive()

    assert len(answers()) == expected


@pytest.mark.rfc(3834, "2")
@pytest.mark.parametrize(
    "mail_from",
    [
        "",
        "MAILER-DAEMON@example.net",
        "owner-list@example.net",
        "list-request@example.net",
        "list-bounces@example.net",
        "bounces+alice=example.org@example.net",
        "noreply@example.net",
        "listserv@example.net",
        "alice@example.org",
    ],
)
def test_machines_lists_and_oneself_are_not_answered(alice: Sender, mail_from: str) -> None:
    set_away(alice)
    arrive(mail_from=mail_from)

    assert answers() == []
    assert Email.objects.count() == 1


@pytest.mark.rfc(5230, "4.6")
@pytest.mark.parametrize(
    "field",
    [
        "List-Id: <list.example.net>",
        "List-Unsubscribe: <https://example.net>",
        "Precedence: bulk",
        "Precedence: List",
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-replied (vacation)",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "X-Auto-Response-Suppress: DR, OOF",
    ],
)
def test_what_comes_from_lists_and_machines_is_not_answered(alice: Sender, field: str) -> None:
    set_away(alice)
    arrive(*LETTER, field)

    assert answers() == []


@pytest.mark.rfc(5230, "4.6")
@pytest.mark.parametrize("field", ["Auto-Submitted: no", "Precedence: normal", "X-List: none"])
def test_what_only_looks_like_it_is_answered(alice: Sender, field: str) -> None:
    set_away(alice)
    arrive(*LETTER, field)

    assert len(answers()) == 1


@pytest.mark.rfc(5230, "4.5")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("To: everybody@example.net", 0),
        ("To: undisclosed-recipients:;", 0),
        ("Cc: x@example.net, ALICE@example.org", 1),
        ("Bcc: alice@example.org", 1),
        ("Resent-To: alice@example.org", 1),
        ("To: friends: alice@example.org, x@y.test;", 1),
        ("To: alice+lunch@example.org", 1),
    ],
)
def test_only_what_names_the_user_is_answered(alice: Sender, field: str, expected: int) -> None:
    set_away(alice)
    arrive("From: bob@example.net", field)

    assert len(answers()) == expected


@pytest.mark.rfc(5230, "5.4")
def test_the_answer_comes_from_the_address_that_was_written_to(alice: Sender) -> None:
    accounts.add_address(alice.account, "al@example.org")
    set_away(alice)
    arrive("From: bob@example.net", "To: al@example.org", to="al@example.org")

    assert "al@example.org" in str(text(answers()[0])["From"])


@pytest.mark.own("junk is not answered")
def test_junk_is_not_answered(alice: Sender, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"SPAM_VERDICTS": ["spamassassin"]}}
    set_away(alice)
    arrive("X-Spam-Flag: YES", *LETTER)

    assert answers() == []


@pytest.mark.own("an answer is neither lost nor doubled")
def test_two_workers_send_one_answer(alice: Sender) -> None:
    set_away(alice)
    arrive()
    due = VacationDue.objects.get()

    first, second = vacation._answer(due, timezone.now()), vacation._answer(due, timezone.now())

    assert (first, second) == (True, False)
    assert QueuedMessage.objects.count() == 1


@pytest.mark.own("an answer that fails is tried again and hinders no other")
def test_a_failure_leaves_the_answer_due(alice: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    set_away(alice)
    arrive()
    arrive(mail_from="carol@example.net")
    bad = VacationDue.objects.order_by("pk").first()
    real = vacation._prepare

    def prepare(due: VacationDue, now: Any) -> Any:
        if due == bad:
            raise OSError("disk")
        return real(due, now)

    monkeypatch.setattr(vacation, "_prepare", prepare)

    assert vacation.answer_due() == 1
    assert VacationDue.objects.get() == bad


@pytest.mark.own("an answer says what the user says at the moment it is sent")
def test_a_response_that_changes_while_it_is_written_is_written_anew(
    alice: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_away(alice)
    arrive()
    real, words = vacation._prepare, iter(["Back on Tuesday."])

    def prepare(due: VacationDue, now: Any) -> Any:
        prepared = real(due, now)
        for changed in words:
            set_away(alice, textBody=changed)
        return prepared

    monkeypatch.setattr(vacation, "_prepare", prepare)

    (message,) = answers()
    assert text(message).get_content().strip() == "Back on Tuesday."


@pytest.mark.own("a vacation that ended before the answer was written answers nobody")
def test_switching_it_off_stops_what_is_due(alice: Sender) -> None:
    set_away(alice)
    arrive()
    set_away(alice, isEnabled=False)

    assert answers() == []


@pytest.mark.own("what waited for days is not answered")
def test_what_is_stale_is_dropped(alice: Sender) -> None:
    set_away(alice)
    arrive()

    assert vacation.answer_due(timezone.now() + timedelta(days=4)) == 0
    assert not VacationDue.objects.exists()


@pytest.mark.own("a chore forgets who was answered long ago")
def test_old_replies_are_purged(alice: Sender) -> None:
    set_away(alice)
    arrive()
    answers()

    assert vacation.forget_replies() == 0
    assert vacation.forget_replies(timezone.now() + timedelta(days=8)) == 1
