"""The event source: what a stream tells, when, and to whom."""

from __future__ import annotations

import httpx
import pytest

from tests.push.conftest import listening, refused
from tests.wire.conftest import CORE, Clerk, Edge, Person

MAIL = "urn:ietf:params:jmap:mail"


def basic(secret: str) -> dict[str, str]:
    """A token's header."""
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.rfc(8620, "7.3")
def test_a_change_by_another_process_is_told_with_the_state_that_get_returns(
    edge: Edge, person: Person, clerk: Clerk
) -> None:
    with listening(edge, person) as stream:
        states = clerk.touch(name=person.name, types=["Email", "Mailbox"])

        assert stream.changed() == {person.account: states}


@pytest.mark.rfc(8620, "7.3")
@pytest.mark.rfc(8620, "7.1")
def test_a_change_by_a_request_is_told_with_the_state_that_the_response_has(edge: Edge, person: Person) -> None:
    with listening(edge, person, types="Mailbox") as stream, edge.client(person) as client:
        create = {"accountId": person.account, "create": {"a": {"name": "Ideas"}}}
        request = {"using": [CORE, MAIL], "methodCalls": [["Mailbox/set", create, "c"]]}
        answer = client.post("/jmap/api", json=request).json()["methodResponses"][0][1]

        assert stream.changed() == {person.account: {"Mailbox": answer["newState"]}}


@pytest.mark.rfc(8620, "7.3")
def test_the_head_keeps_proxies_from_holding_events_back(edge: Edge, person: Person) -> None:
    with listening(edge, person) as stream:
        headers = stream.response.headers

    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert {"no-cache", "no-transform"} <= {word.strip() for word in headers["cache-control"].split(",")}
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers


@pytest.mark.rfc(8620, "7.3")
def test_an_event_is_written_as_simple_clients_read_it(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person) as stream:
        clerk.touch(name=person.name, types=["Email"])
        event = stream.event()

    assert [line.partition(":")[0] for line in event.lines[:3]] == ["event", "data", "id"]
    assert not any("\r" in line for line in event.lines)


@pytest.mark.rfc(8620, "7.3")
def test_only_the_types_that_were_asked_for_are_told(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person, types="Mailbox,CalendarEvent") as stream:
        clerk.touch(name=person.name, types=["Email"])
        states = clerk.touch(name=person.name, types=["Email", "Mailbox"])

        assert stream.changed() == {person.account: {"Mailbox": states["Mailbox"]}}


@pytest.mark.rfc(8620, "7.3")
def test_closeafter_state_ends_the_response_after_one_state(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person, closeafter="state") as stream:
        clerk.touch(name=person.name, types=["Email"])

        assert stream.changed()
        assert stream.block() is None


@pytest.mark.rfc(8620, "7.3")
def test_pings_come_with_the_interval_in_force_and_set_no_id(edge: Edge, person: Person) -> None:
    with listening(edge, person, ping="1") as stream:
        event = stream.event()

    assert (event.name, event.json, event.id) == ("ping", {"interval": 1}, None)


@pytest.mark.rfc(8620, "7.3")
def test_a_reconnection_is_told_at_once_what_happened_meanwhile(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person) as stream:
        clerk.touch(name=person.name, types=["Email", "Mailbox"])
        stream.event()
    states = clerk.touch(name=person.name, types=["Mailbox", "Thread"])

    with listening(edge, person, headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.changed() == {person.account: states}


@pytest.mark.rfc(8620, "7.3")
def test_a_stream_that_was_told_nothing_misses_nothing_either(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person) as stream:
        pass
    states = clerk.touch(name=person.name, types=["Email"])

    with listening(edge, person, headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.changed() == {person.account: states}


@pytest.mark.rfc(8620, "7.3")
def test_a_reconnection_after_which_nothing_happened_is_told_nothing(edge: Edge, person: Person, clerk: Clerk) -> None:
    with listening(edge, person) as stream:
        clerk.touch(name=person.name, types=["Email"])
        stream.event()

    with listening(edge, person, ping="1", headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.event().name == "ping"


@pytest.mark.own("a position that nobody understands tells too much rather than too little")
@pytest.mark.parametrize("known", ["nonsense", "-", "1-2", "zzzzzzzzzzzz-zzzzzzzzzzzz-zzzzzzzzzzzz", "%00"])
def test_an_id_that_is_none_of_ours_is_answered_with_all_states(
    edge: Edge, person: Person, clerk: Clerk, known: str
) -> None:
    states = clerk.touch(name=person.name, types=["Email", "Mailbox"])

    with listening(edge, person, headers={"Last-Event-ID": known}) as stream:
        assert stream.changed() == {person.account: states}


@pytest.mark.rfc(8620, "7.1")
def test_one_stream_tells_of_all_accounts_that_the_user_may_read(edge: Edge, person: Person, clerk: Clerk) -> None:
    owner = clerk.newcomer()
    clerk.share(owner=owner.name, guest=person.name, is_read_only=True)

    with listening(edge, person) as stream:
        states = clerk.touch(name=owner.name, types=["Email"])

        assert stream.changed() == {owner.account: states}


@pytest.mark.rfc(8620, "8.2")
def test_nobody_hears_of_accounts_that_they_may_not_read(edge: Edge, person: Person, clerk: Clerk) -> None:
    stranger = clerk.newcomer()

    with listening(edge, person) as stream:
        clerk.touch(name=stranger.name, types=["Email"])
        states = clerk.touch(name=person.name, types=["Thread"])

        assert stream.changed() == {person.account: states}


@pytest.mark.rfc(8620, "8.2")
@pytest.mark.parametrize(
    ("entry", "arguments"),
    [
        ("change", {"password": "another"}),
        ("change", {"is_active": False}),
        ("quietly", {"is_active": False}),
        ("quietly", {"password": "unusable"}),
        ("close_account", {}),
        ("delete", {}),
    ],
)
def test_a_stream_ends_when_its_user_may_no_longer_sign_in(
    edge: Edge, person: Person, clerk: Clerk, entry: str, arguments: dict[str, object]
) -> None:
    with listening(edge, person) as stream:
        getattr(clerk, entry)(name=person.name, **arguments)

        assert stream.ends()


@pytest.mark.rfc(8620, "8.2")
@pytest.mark.parametrize("entry", ["revoke", "revoke_by_service"])
def test_a_stream_ends_when_its_credential_is_revoked(edge: Edge, person: Person, clerk: Clerk, entry: str) -> None:
    secret = clerk.credential(name=person.name, kind="token")
    with listening(edge, headers=basic(secret)) as stream, listening(edge, person, ping="1") as other:
        getattr(clerk, entry)(name=person.name)

        assert stream.ends()
        assert other.event().name == "ping"


@pytest.mark.rfc(8620, "8.2")
def test_a_stream_ends_when_an_account_is_withdrawn_and_tells_nothing_of_it_when_reopened(
    edge: Edge, person: Person, clerk: Clerk
) -> None:
    owner = clerk.newcomer()
    clerk.share(owner=owner.name, guest=person.name, is_read_only=True)
    with listening(edge, person) as stream:
        clerk.unshare(owner=owner.name, guest=person.name)
        assert stream.ends()
    clerk.touch(name=owner.name, types=["Email"])

    with listening(edge, person, ping="1", headers={"Last-Event-ID": stream.last_id}) as again:
        assert again.event().name == "ping"


@pytest.mark.rfc(8620, "7.3")
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"ping": "abc"}, "ping"),
        ({"ping": "-5"}, "ping"),
        ({"ping": ""}, "ping"),
        ({"ping": "1.5"}, "ping"),
        ({"closeafter": "never"}, "closeafter"),
        ({"types": ""}, "types"),
        ({"types": "Email,"}, "types"),
        ({"types": "{types}"}, "types"),
        ({"types": "CalendarEvent"}, "Mailbox"),
    ],
)
def test_a_variable_that_is_wrong_is_named(edge: Edge, person: Person, query: dict[str, str], words: str) -> None:
    answer = refused(edge, person, **query)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


@pytest.mark.rfc(8620, "7.3")
@pytest.mark.parametrize(("asked", "given"), [("0", 0), ("1", 10), ("30", 30), ("300", 300), ("99999999", 900)])
def test_an_interval_is_kept_within_bounds(asked: str, given: int) -> None:
    from push.eventsource import Wish

    assert Wish.read(f"ping={asked}").ping == given


@pytest.mark.rfc(8620, "7.3")
def test_a_stream_needs_credentials_and_get(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        posted = client.post("/jmap/events")

    assert refused(edge, None).status_code == 401
    assert posted.status_code == 405


@pytest.mark.own("a user's streams are counted")
def test_more_streams_than_are_allowed_are_refused_until_one_has_ended(edge: Edge, person: Person) -> None:
    import contextlib

    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(listening(edge, person)) for _ in range(8)]
        too_many = refused(edge, person)
        streams[0].response.close()
        later = httpx.Response(429)
        while later.status_code == 429:
            with edge.client(person) as client, client.stream("GET", "/jmap/events") as later:
                pass

    assert too_many.status_code == 429
    assert int(too_many.headers["retry-after"]) > 0
    assert later.status_code == 200


@pytest.mark.rfc(8620, "7.3")
def test_a_cookie_of_this_site_opens_a_stream_until_its_session_ends(edge: Edge, person: Person, clerk: Clerk) -> None:
    cookie = clerk.sign_in(name=person.name)
    with listening(edge, headers={"Cookie": cookie, "Origin": edge.url}) as stream:
        states = clerk.touch(name=person.name, types=["Email"])
        assert stream.changed() == {person.account: states}

        clerk.sign_out(name=person.name, cookie=cookie)

        assert stream.ends()


@pytest.mark.rfc(8620, "8.2")
def test_a_cookie_opens_no_stream_for_a_page_from_elsewhere(edge: Edge, person: Person, clerk: Clerk) -> None:
    cookie = clerk.sign_in(name=person.name)

    with edge.client() as client:
        answer = client.get("/jmap/events", headers={"Cookie": cookie, "Origin": "https://evil.example"})

    assert answer.status_code == 403
