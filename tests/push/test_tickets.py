"""Tickets: how a browser's page opens streams without a header, and what a ticket is not good for."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.push.conftest import listening, refused
from tests.push.test_websocket import hear, open_socket, request, say
from tests.wire.conftest import CORE, Clerk, Edge, Person, call

TICKETS = "https://jmap-server.example/push-tickets"


def a_ticket(edge: Edge, person: Person | None, kind: str = "eventSource", **options: Any) -> str:
    """A new ticket of the person's."""
    with edge.client(person, **options) as client:
        answer = call(client, ("PushTicket/create", {"kind": kind}, "c"), using=[CORE, TICKETS]).json()
    name, arguments, _call_id = answer["methodResponses"][0]
    assert name == "PushTicket/create", arguments
    return arguments["ticket"]


@pytest.mark.own("tickets are an extension that the session advertises")
def test_the_session_says_where_tickets_are_taken(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        session = client.get("/jmap/session").json()

    urls = session["capabilities"][TICKETS]
    assert urls["eventSourceUrl"] == session["eventSourceUrl"] + "&ticket={ticket}"
    assert urls["webSocketUrl"] == session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"] + "?ticket={ticket}"


@pytest.mark.own("a ticket opens one stream at a time, again and again")
def test_a_ticket_opens_a_stream_and_opens_it_again(edge: Edge, person: Person, clerk: Clerk) -> None:
    query = {"ticket": a_ticket(edge, person)}
    with listening(edge, query=query) as stream:
        states = clerk.touch(name=person.name, types=["Email"])
        assert stream.changed() == {person.account: states}
    missed = clerk.touch(name=person.name, types=["Mailbox"])

    with listening(edge, query=query, headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.changed() == {person.account: missed}


@pytest.mark.own("a ticket opens one stream at a time, again and again")
def test_the_newest_stream_of_a_ticket_ends_the_one_before(edge: Edge, person: Person, clerk: Clerk) -> None:
    query = {"ticket": a_ticket(edge, person)}
    with listening(edge, query=query) as first, listening(edge, query=query) as second:
        assert first.ends()
        states = clerk.touch(name=person.name, types=["Email"])
        assert second.changed() == {person.account: states}


@pytest.mark.own("a ticket for a WebSocket is used up by its use")
def test_a_ticket_opens_one_web_socket(edge: Edge, person: Person) -> None:
    path = f"/jmap/ws?ticket={a_ticket(edge, person, 'webSocket')}"

    with open_socket(edge, path=path) as socket:
        say(socket, **request(("Core/echo", {}, "c")))
        answer = hear(socket)
    with pytest.raises(InvalidStatus) as refusal:
        open_socket(edge, path=path)

    assert answer["@type"] == "Response"
    assert refusal.value.response.status_code == 401


@pytest.mark.own("a ticket is good for push alone")
def test_a_ticket_is_good_for_nothing_else(edge: Edge, person: Person) -> None:
    ticket, for_socket = a_ticket(edge, person), a_ticket(edge, person, "webSocket")
    with edge.client() as client:
        statuses = [
            client.get("/jmap/session", params={"ticket": ticket}).status_code,
            client.post("/jmap/api", params={"ticket": ticket}, json={}).status_code,
            client.get("/jmap/session", headers={"Authorization": f"Bearer {ticket}"}).status_code,
            client.get("/jmap/events", params={"ticket": for_socket}).status_code,
            client.get("/jmap/events", params={"ticket": "guess"}).status_code,
        ]

    assert statuses == [401] * 5


@pytest.mark.own("a ticket dies with the credentials that it was asked with")
@pytest.mark.parametrize("entry", ["revoke", "revoke_by_service"])
def test_a_ticket_dies_with_its_token(edge: Edge, person: Person, clerk: Clerk, entry: str) -> None:
    headers = {"Authorization": f"Bearer {clerk.credential(name=person.name, kind='token')}"}
    unused, used = a_ticket(edge, None, headers=headers), a_ticket(edge, None, headers=headers)

    with listening(edge, query={"ticket": used}) as stream:
        getattr(clerk, entry)(name=person.name)
        assert stream.ends()

    assert [refused(edge, None, ticket=ticket).status_code for ticket in (unused, used)] == [401, 401]


@pytest.mark.own("a ticket dies with the credentials that it was asked with")
def test_a_ticket_dies_with_the_password_and_outlives_tokens(edge: Edge, person: Person, clerk: Clerk) -> None:
    ticket = a_ticket(edge, person)
    clerk.revoke(name=person.name)
    with listening(edge, query={"ticket": ticket}) as stream:
        clerk.change(name=person.name, password="another")

        assert stream.ends()
    assert refused(edge, None, ticket=ticket).status_code == 401


@pytest.mark.own("a secret stands in no log and in no table")
def test_a_ticket_is_neither_logged_nor_stored(edge: Edge, person: Person, clerk: Clerk) -> None:
    ticket = a_ticket(edge, person)
    with listening(edge, query={"ticket": ticket}):
        refused(edge, None, ticket=f"{ticket}x")

    assert ticket not in edge.log.read_text()
    assert clerk.ticket_digests(name=person.name, secret=ticket) == {"stored": 1, "readable": 0}


@pytest.mark.own("a ticket that is old is good no more")
def test_a_ticket_that_was_not_used_in_time_is_refused(edge: Edge, person: Person, clerk: Clerk) -> None:
    ticket = a_ticket(edge, person)

    clerk.age_tickets(name=person.name, minutes=3)

    assert refused(edge, None, ticket=ticket).status_code == 401


@pytest.mark.own("no ticket lives longer than a day")
def test_a_stream_ends_when_the_day_of_its_ticket_is_over(edge: Edge, person: Person, clerk: Clerk) -> None:
    ticket = a_ticket(edge, person)
    with listening(edge, query={"ticket": ticket}) as stream:
        clerk.age_tickets(name=person.name, minutes=24 * 60)

        assert stream.ends()
    assert refused(edge, None, ticket=ticket).status_code == 401


@pytest.mark.own("tickets cannot be collected")
def test_asking_for_very_many_tickets_is_refused(edge: Edge, person: Person) -> None:
    calls = [("PushTicket/create", {"kind": "eventSource"}, str(number)) for number in range(16)]
    with edge.client(person) as client:
        answers = [call(client, *calls, using=[CORE, TICKETS]).json()["methodResponses"] for _ in range(5)]

    names = [name for answer in answers for name, _arguments, _call_id in answer]
    assert "error" in names[50:]
    assert "error" not in names[:50]
