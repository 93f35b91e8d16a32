"""Email/get: which emails come back, with which properties, at what cost (RFC 8621 §4.2, RFC 8620 §5.1)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mail.datatypes.email import DEFAULT_PROPERTIES
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

PLAIN = """From: "Joe Bloggs" <joe@example.com>
To: jane@example.org, Friends: bob@example.org;
Subject: Dinner on Thursday?
Date: Sun, 13 Oct 2013 16:12:00 +0200
Message-ID: <dinner@example.com>
In-Reply-To: <lunch@example.com>
References: <breakfast@example.com> <lunch@example.com>

Hello Jane
"""


@pytest.mark.rfc(8621, "4.2")
def test_without_properties_the_default_list_is_answered(alice: Person) -> None:
    email_id = alice.deliver(PLAIN)

    assert tuple(alice.get(email_id)) == DEFAULT_PROPERTIES


@pytest.mark.rfc(8621, "4.1.1")
def test_metadata_is_that_of_the_store(alice: Person) -> None:
    email_id = alice.deliver(PLAIN, "$seen", "$forwarded", "project-x", day=3)

    email = alice.get(email_id, "mailboxIds", "keywords", "receivedAt", "size", "blobId", "threadId")

    assert email["mailboxIds"] == {alice.mailbox("inbox"): True}
    assert email["keywords"] == {"$seen": True, "$forwarded": True, "project-x": True}
    assert email["receivedAt"] == "2024-01-03T12:00:00Z"
    assert email["size"] == len(alice.octets(email["blobId"])) == len(PLAIN.replace("\n", "\r\n"))
    assert email["threadId"].startswith("t")


@pytest.mark.rfc(8621, "4.1.3")
def test_convenience_properties_are_the_parsed_header_fields(alice: Person) -> None:
    email = alice.get(alice.deliver(PLAIN))

    assert email["messageId"] == ["dinner@example.com"]
    assert email["inReplyTo"] == ["lunch@example.com"]
    assert email["references"] == ["breakfast@example.com", "lunch@example.com"]
    assert email["from"] == [{"name": "Joe Bloggs", "email": "joe@example.com"}]
    assert email["to"] == [{"name": None, "email": "jane@example.org"}, {"name": None, "email": "bob@example.org"}]
    assert email["subject"] == "Dinner on Thursday?"
    assert email["sentAt"] == "2013-10-13T16:12:00+02:00"
    assert [email[name] for name in ("sender", "cc", "bcc", "replyTo")] == [None] * 4


@pytest.mark.rfc(8620, "5.1")
def test_the_id_always_comes_back_and_unasked_properties_never(alice: Person) -> None:
    email_id = alice.deliver(PLAIN)

    assert alice.get(email_id, "subject") == {"id": email_id, "subject": "Dinner on Thursday?"}
    assert alice.call("Email/get", ids=[email_id], properties=[])["list"] == [{"id": email_id}]


@pytest.mark.rfc(8620, "5.1")
def test_emails_come_in_the_order_asked_for_each_once(alice: Person) -> None:
    first, second, third = (alice.deliver(PLAIN, day=day) for day in (1, 2, 3))

    answer = alice.call("Email/get", ids=[third, first, third, second], properties=["id"])

    assert [email["id"] for email in answer["list"]] == [third, first, second]


@pytest.mark.rfc(8620, "5.1")
def test_what_is_not_there_is_not_found(alice: Person) -> None:
    answer = alice.call("Email/get", ids=["e777777", "nonsense", "e777777"])

    assert answer["list"] == []
    assert answer["notFound"] == ["e777777", "nonsense"]


@pytest.mark.rfc(8620, "5.1")
def test_emails_of_another_account_are_not_found(alice: Person, people) -> None:
    foreign = people("bob").deliver(PLAIN)

    assert alice.call("Email/get", ids=[foreign])["notFound"] == [foreign]


@pytest.mark.rfc(8620, "5.1")
@pytest.mark.parametrize("ids", [[], None, "absent"])
def test_ids_may_be_empty_null_or_absent(alice: Person, ids) -> None:
    email_id = alice.deliver(PLAIN)

    answer = alice.call("Email/get", properties=["id"], **({} if ids == "absent" else {"ids": ids}))

    assert [email["id"] for email in answer["list"]] == ([] if ids == [] else [email_id])
    assert answer["notFound"] == []


@pytest.mark.rfc(8620, "5.1")
def test_all_emails_are_too_many_above_the_limit(alice: Person) -> None:
    for _ in range(alice.limits.max_objects_in_get + 1):
        alice.deliver(PLAIN)

    assert alice.error("Email/get", ids=None)["type"] == "requestTooLarge"


@pytest.mark.rfc(8620, "5.1")
@pytest.mark.parametrize("name", ["subjekt", "header:", "header:Subject:asNonsense", "header:Sub ject", "Subject"])
def test_an_unknown_property_is_refused(alice: Person, name: str) -> None:
    assert alice.error("Email/get", ids=[], properties=[name])["type"] == "invalidArguments"


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    "name", ["header:From:asDate", "header:Subject:asAddresses", "header:Date:asText", "header:Received:asText"]
)
def test_a_form_that_is_forbidden_for_a_field_is_refused(alice: Person, name: str) -> None:
    assert alice.error("Email/get", ids=[], properties=[name])["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "5.1")
def test_the_state_is_that_of_changes(alice: Person) -> None:
    before = alice.call("Email/get", ids=[])["state"]
    email_id = alice.deliver(PLAIN)

    changes = alice.call("Email/changes", sinceState=before)

    assert changes["created"] == [email_id]
    assert changes["newState"] == alice.call("Email/get", ids=[])["state"] != before


@pytest.mark.rfc(8621, "4.3")
def test_changes_stop_at_intermediate_states(alice: Person) -> None:
    state = alice.call("Email/get", ids=[])["state"]
    ids = [alice.deliver(PLAIN, day=day) for day in (1, 2)]
    alice.call("Email/set", update={ids[0]: {"keywords/$seen": True}})

    seen = []
    more = True
    while more:
        page = alice.call("Email/changes", sinceState=state, maxChanges=1)
        seen += page["created"]
        state, more = page["newState"], page["hasMoreChanges"]

    assert seen == ids
    assert alice.error("Email/changes", sinceState="from-elsewhere")["type"] == "cannotCalculateChanges"


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    "properties", [["threadId"], ["mailboxIds", "from", "preview", "size"], ["keywords", "hasAttachment"]]
)
def test_any_number_of_emails_is_one_statement(alice: Person, properties: list[str]) -> None:
    ids = [alice.deliver(PLAIN, "rare") for _ in range(5)]

    with CaptureQueriesContext(connection) as captured:
        answer = alice.call("Email/get", ids=ids, properties=properties)

    assert len(answer["list"]) == 5
    assert len(captured) == 1, captured.captured_queries


@pytest.mark.rfc(8621, "4.2")
def test_metadata_never_opens_the_message(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    email_id = alice.deliver(PLAIN)
    monkeypatch.setattr("mail.datatypes.email_body.default_store", lambda: pytest.fail("the blob was opened"))

    email = alice.get(email_id)

    assert email["subject"] == "Dinner on Thursday?"
    assert alice.get(email_id, "header:subject:asText", "bodyStructure")["header:subject:asText"] == email["subject"]


@pytest.mark.rfc(8620, "3.7")
def test_result_references_look_into_emails(alice: Person) -> None:
    email_id = alice.deliver(PLAIN)
    thread_id = alice.get(email_id, "threadId")["threadId"]

    response = alice.send(
        ("Email/get", {"accountId": alice.account_id, "ids": [email_id], "properties": ["threadId"]}, "a"),
        (
            "Thread/get",
            {"accountId": alice.account_id, "#ids": {"resultOf": "a", "name": "Email/get", "path": "/list/*/threadId"}},
            "b",
        ),
    )

    assert response["methodResponses"][1][1]["list"] == [{"id": thread_id, "emailIds": [email_id]}]


@pytest.mark.rfc(8621, "1.3.1")
def test_the_account_says_what_mail_can_do_in_it(alice: Person) -> None:
    from jmap.registry import registry
    from mail.datatypes.capability import MAIL

    value = registry.capabilities[MAIL].for_account(alice.accounts[alice.account_id])

    assert value["maxMailboxesPerEmail"] is None or value["maxMailboxesPerEmail"] >= 1
    assert value["maxSizeMailboxName"] >= 100
    assert value["maxMailboxDepth"] >= 1
    assert value["maxSizeAttachmentsPerEmail"] > 0
    assert "receivedAt" in value["emailQuerySortOptions"]
    assert value["mayCreateTopLevelMailbox"] is True
    assert registry.capabilities[MAIL].for_session() == {}


@pytest.mark.rfc(8621, "1.5")
def test_email_delivery_moves_with_new_mail_alone(alice: Person) -> None:
    from jmap.registry import registry
    from jmap.store import current_state

    email_id = alice.deliver(PLAIN)
    delivered = current_state(alice.account.pk, "EmailDelivery")
    alice.call("Email/set", update={email_id: {"keywords/$seen": True}})
    unchanged = current_state(alice.account.pk, "EmailDelivery")
    alice.deliver(PLAIN)

    assert "EmailDelivery" in registry.types
    assert not any(name.startswith("EmailDelivery/") for name in registry.methods)
    assert unchanged == delivered != current_state(alice.account.pk, "EmailDelivery")
