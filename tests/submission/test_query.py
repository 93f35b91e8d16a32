"""EmailSubmission/query and /queryChanges (RFC 8621 §7.3, §7.4)."""

from __future__ import annotations

from typing import Any

import pytest

from jmap.protocol.window import splice
from tests.submission.conftest import Sender, envelope


@pytest.fixture
def sent(alice: Sender) -> list[dict[str, Any]]:
    """Three submissions: the first leaves last, the second first."""
    found = []
    for hold in ("300", "100", "200"):
        created = alice.sent(alice.draft(subject=hold), envelope=envelope("b@x.test", HOLDFOR=hold))
        found.append(alice.submission(created["id"]))
    return found


def ids(alice: Sender, **arguments: Any) -> list[int]:
    """The answer to a query."""
    return alice.call("EmailSubmission/query", **arguments)["ids"]


@pytest.mark.rfc(8621, "7.3")
@pytest.mark.parametrize("name", ["sentAt", "sendAt"])
def test_submissions_sort_by_when_they_are_sent(alice: Sender, sent: list[dict[str, Any]], name: str) -> None:
    latest, earliest, middle = (one["id"] for one in sent)

    assert ids(alice, sort=[{"property": name}]) == [earliest, middle, latest]
    assert ids(alice, sort=[{"property": name, "isAscending": False}], limit=2, position=1) == [middle, earliest]


@pytest.mark.rfc(8621, "7.3")
@pytest.mark.parametrize("name", ["emailId", "threadId"])
def test_submissions_sort_by_ids(alice: Sender, sent: list[dict[str, Any]], name: str) -> None:
    expected = [one["id"] for one in sorted(sent, key=lambda one: one[name])]

    assert ids(alice, sort=[{"property": name}, {"property": "sentAt"}]) == expected
    assert ids(alice, sort=[{"property": name, "isAscending": False}]) == expected[::-1]


@pytest.mark.rfc(8621, "7.3")
def test_every_condition_finds_what_it_says(alice: Sender, sent: list[dict[str, Any]]) -> None:
    latest, earliest, middle = sent
    alice.call("EmailSubmission/set", update={middle["id"]: {"undoStatus": "canceled"}})
    by = {"sort": [{"property": "sentAt"}]}

    def found(condition: dict[str, Any]) -> list[int]:
        return ids(alice, filter=condition, **by)

    assert found({"emailIds": [latest["emailId"], "enope"]}) == [latest["id"]]
    assert found({"threadIds": [latest["threadId"], earliest["threadId"]]}) == [earliest["id"], latest["id"]]
    assert found({"identityIds": [alice.identity]}) == [earliest["id"], middle["id"], latest["id"]]
    assert found({"identityIds": []}) == []
    assert found({"undoStatus": "canceled"}) == [middle["id"]]
    assert found({"before": middle["sendAt"]}) == [earliest["id"]]
    assert found({"after": middle["sendAt"]}) == [middle["id"], latest["id"]]
    assert found({"after": middle["sendAt"], "undoStatus": "pending"}) == [latest["id"]]


@pytest.mark.rfc(8620, "5.5")
def test_operators_combine_conditions(alice: Sender, sent: list[dict[str, Any]]) -> None:
    latest, earliest, middle = sent
    first, second = {"emailIds": [latest["emailId"]]}, {"emailIds": [earliest["emailId"]]}
    by = {"sort": [{"property": "sentAt"}]}

    def found(operator: str, *conditions: dict[str, Any]) -> list[int]:
        return ids(alice, filter={"operator": operator, "conditions": list(conditions)}, **by)

    assert found("OR", first, second) == [earliest["id"], latest["id"]]
    assert found("AND", first, second) == []
    assert found("NOT", first, second) == [middle["id"]]
    assert found("OR") == []
    assert found("NOT") == found("AND") == found("OR", first, {}) == [earliest["id"], middle["id"], latest["id"]]
    assert found("NOT", {}) == []


@pytest.mark.rfc(8621, "7.4")
@pytest.mark.parametrize("condition", [None, {"undoStatus": "pending"}])
@pytest.mark.parametrize("sort", [[{"property": "sentAt"}], [{"property": "emailId", "isAscending": False}]])
def test_query_changes_bring_a_list_up_to_date(
    alice: Sender, sent: list[dict[str, Any]], condition: Any, sort: Any
) -> None:
    query = {"filter": condition, "sort": sort}
    before = alice.call("EmailSubmission/query", **query)

    alice.call("EmailSubmission/set", update={sent[0]["id"]: {"undoStatus": "canceled"}}, destroy=[sent[1]["id"]])
    alice.sent(envelope=envelope("b@x.test", HOLDFOR="150"))
    changes = alice.call(
        "EmailSubmission/queryChanges", sinceQueryState=before["queryState"], calculateTotal=True, **query
    )

    now = ids(alice, **query)
    added = [(one["index"], one["id"]) for one in changes["added"]]
    assert splice(before["ids"], changes["removed"], added) == now
    assert changes["total"] == len(now)


@pytest.mark.rfc(8621, "7.2")
def test_changes_name_what_was_created_updated_and_destroyed(alice: Sender, sent: list[dict[str, Any]]) -> None:
    state = alice.call("EmailSubmission/get", ids=None)["state"]

    alice.call("EmailSubmission/set", update={sent[0]["id"]: {"undoStatus": "canceled"}}, destroy=[sent[1]["id"]])
    new = alice.sent()["id"]

    changes = alice.call("EmailSubmission/changes", sinceState=state)
    assert (changes["created"], changes["updated"], changes["destroyed"]) == ([new], [sent[0]["id"]], [sent[1]["id"]])
