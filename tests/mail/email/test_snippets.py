"""SearchSnippet/get: what matched, marked (RFC 8621 §5), and Email/query where it meets the wire (RFC 8621 §4.4)."""

import pytest

from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

FOO = "From: a@example.org\nSubject: The Foosball & <more> foo\n\nThis year the foo competition is held in a stadium.\n"
HTML = (
    "Subject: other\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nplain words\n"
    "--b\nContent-Type: text/html\n\n<p>a <b>foo</b> in 1 &lt; 2 widgets</p>\n--b--\n"
)


def snippets(person: Person, filter: dict | None, *ids: str) -> list[dict]:
    return person.call("SearchSnippet/get", filter=filter, emailIds=list(ids))["list"]


@pytest.mark.rfc(8621, "5")
def test_matches_are_marked_in_subject_and_body(alice: Person) -> None:
    email_id = alice.deliver(FOO)

    [snippet] = snippets(alice, {"text": "foo"}, email_id)

    assert snippet.keys() == {"emailId", "subject", "preview"}
    assert snippet["emailId"] == email_id
    assert snippet["subject"].endswith("&amp; &lt;more&gt; <mark>foo</mark>")
    assert "<mark>foo</mark> competition" in snippet["preview"]
    assert len(snippet["preview"].encode()) <= 255


@pytest.mark.rfc(8621, "5")
@pytest.mark.parametrize(
    ("filter", "has_subject", "has_preview"),
    [
        ({"subject": "foo"}, True, False),
        ({"body": "foo"}, False, True),
        ({"operator": "AND", "conditions": [{"subject": "foo"}, {"body": "stadium"}]}, True, True),
        ({"operator": "NOT", "conditions": [{"text": "foo"}]}, False, False),
        ({"text": "absent"}, False, False),
        ({"hasKeyword": "foo"}, False, False),
        ({}, False, False),
        (None, False, False),
    ],
)
def test_only_what_the_filter_looks_for_is_marked(
    alice: Person, filter: dict | None, has_subject: bool, has_preview: bool
) -> None:
    [snippet] = snippets(alice, filter, alice.deliver(FOO))

    assert (snippet["subject"] is not None, snippet["preview"] is not None) == (has_subject, has_preview)


@pytest.mark.rfc(8621, "5")
def test_html_is_shown_as_text_where_the_plain_text_has_no_match(alice: Person) -> None:
    [snippet] = snippets(alice, {"text": "foo"}, alice.deliver(HTML))

    assert snippet["preview"] == "a <mark>foo</mark> in 1 &lt; 2 widgets"


@pytest.mark.rfc(8621, "5.1")
def test_emails_that_are_not_there_are_not_found(alice: Person) -> None:
    email_id = alice.deliver(FOO)

    answer = alice.call("SearchSnippet/get", filter={"text": "foo"}, emailIds=["e777777", email_id, "nonsense"])

    assert [snippet["emailId"] for snippet in answer["list"]] == [email_id]
    assert answer["notFound"] == ["e777777", "nonsense"]
    assert alice.call("SearchSnippet/get", filter=None, emailIds=[email_id])["notFound"] is None


@pytest.mark.rfc(8621, "5.1")
def test_what_cannot_be_answered_is_refused(alice: Person) -> None:
    too_many = [f"e{number}" for number in range(61)]

    assert alice.error("SearchSnippet/get", filter=None, emailIds=too_many)["type"] == "requestTooLarge"
    assert alice.error("SearchSnippet/get", filter={"no": 1}, emailIds=[])["type"] == "unsupportedFilter"
    assert alice.error("SearchSnippet/get", filter={"text": 1}, emailIds=[])["type"] == "invalidArguments"


@pytest.mark.rfc(8621, "4.10")
def test_a_folder_is_opened_by_a_chain_of_references(alice: Person) -> None:
    newest = alice.deliver("Subject: Re: one\nMessage-ID: <2@x>\nReferences: <1@x>\n\ny\n", day=3)
    oldest = alice.deliver("Subject: one\nMessage-ID: <1@x>\n\nx\n", day=1)
    account = {"accountId": alice.account_id}

    def back(call: str, name: str, path: str) -> dict[str, str]:
        return {"resultOf": call, "name": name, "path": path}

    responses = alice.send(
        (
            "Email/query",
            {
                **account,
                "filter": {"inMailbox": alice.mailbox("inbox")},
                "sort": [{"property": "receivedAt", "isAscending": False, "collation": None}],
                "collapseThreads": True,
                "calculateTotal": True,
            },
            "0",
        ),
        ("Email/get", {**account, "#ids": back("0", "Email/query", "/ids"), "properties": ["threadId"]}, "1"),
        ("Thread/get", {**account, "#ids": back("1", "Email/get", "/list/*/threadId")}, "2"),
        ("Email/get", {**account, "#ids": back("2", "Thread/get", "/list/*/emailIds"), "properties": ["subject"]}, "3"),
        (
            "SearchSnippet/get",
            {**account, "filter": {"subject": "one"}, "#emailIds": back("0", "Email/query", "/ids")},
            "4",
        ),
    )["methodResponses"]

    assert (responses[0][1]["ids"], responses[0][1]["total"]) == ([newest], 1)
    assert [email["id"] for email in responses[3][1]["list"]] == [oldest, newest]
    assert responses[4][1]["list"][0]["subject"] == "Re: <mark>one</mark>"


@pytest.mark.rfc(8621, "4.5")
def test_a_list_follows_by_query_changes(alice: Person) -> None:
    arguments = {"filter": {"inMailbox": alice.mailbox("inbox")}, "collapseThreads": True}
    first = alice.deliver(FOO, day=1)
    state = alice.call("Email/query", **arguments)["queryState"]
    second = alice.deliver(HTML, day=2)

    changes = alice.call(
        "Email/queryChanges", sinceQueryState=state, maxChanges=25, upToId=None, calculateTotal=True, **arguments
    )

    assert changes["added"] == [{"id": second, "index": 0}]
    assert changes["total"] == 2
    assert alice.call("Email/query", **arguments)["ids"] == [second, first]
    assert alice.call("Email/query", **arguments)["queryState"] == changes["newQueryState"]
