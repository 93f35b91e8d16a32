"""PushSubscription and the delivery of Web Push, against a push service that decrypts by another library."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from py_vapid import Vapid02

from jmap.auth.verify import Verified
from jmap.edge import endpoint
from jmap.models import Account, AccountAccess, Credential
from jmap.protocol.primitives import format_utc_date
from jmap.store import writing
from push import deliver, marker
from push.models import PushSubscription, VapidKey
from push.news import StateNews
from push.webpush import guard, vapid
from tests.push.service import Device, PushService, push_service

pytestmark = pytest.mark.django_db

CORE = "urn:ietf:params:jmap:core"
VAPID = "urn:ietf:params:jmap:webpush-vapid"


@dataclass
class Client:
    """A client signed in with a password, or with a Credential."""

    user: Any
    account: Account
    credential: Credential | None = None

    def call(self, method: str, **arguments: Any) -> Any:
        """The name and the arguments of the response."""
        self.user.refresh_from_db()
        password = None if self.credential else self.user.password
        verified = Verified(self.user.pk, self.credential and self.credential.pk, password, 0)
        body = orjson.dumps({"using": [CORE], "methodCalls": [[method, arguments, "c"]]})
        answer = json.loads(endpoint.api(verified.current_principal(), body, "https://mail.example/jmap"))
        return answer["methodResponses"][0][:2]

    def set(self, **arguments: Any) -> Any:
        """PushSubscription/set."""
        name, answer = self.call("PushSubscription/set", **arguments)
        assert name == "PushSubscription/set", answer
        return answer

    def subscribe(self, url: str, device: Device | None = None, **fields: Any) -> Any:
        """What became of a new subscription: created or notCreated."""
        keys = {} if device is None else {"keys": device.keys}
        answer = self.set(create={"a": {"deviceClientId": "a889", "url": url, **keys, **fields}})
        return answer["created"]["a"] if answer["created"] else answer["notCreated"]["a"]

    def list(self, **arguments: Any) -> Any:
        """PushSubscription/get."""
        return self.call("PushSubscription/get", **{"ids": None, **arguments})

    def change(self, *types: str) -> dict[str, str]:
        """Change types of the account; their states. News of it reach the marker as in a server."""
        with writing(self.account.pk) as writer:
            since = writer.modseq
            for name in types:
                writer.next(name)
            states = {name: writer.state(name) for name in types}
        marker.mark([StateNews(self.account.pk, 1, since, writer.modseq, {})])
        return states


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[PushService]:
    """A push service that the server is allowed to reach."""
    options = {"ALLOW": ["127.0.0.0/8", "::1/128"], "SUBSCRIPTIONS_AN_HOUR": 12, "MAX_SUBSCRIPTIONS": 10}
    settings.JMAP = {**settings.JMAP, "PUSH": {**settings.JMAP["PUSH"], **options}}
    real = socket.getaddrinfo
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
    with push_service(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running


@pytest.fixture
def client() -> Client:
    """Somebody with a password and an account."""
    user = get_user_model().objects.create_user("ada", password="a password")
    return Client(user, Account.objects.create(name="ada", user=user))


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture(autouse=True)
def _no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sweep happen only where a test asks for one."""
    monkeypatch.setattr(deliver, "_swept", [float("inf")])


def confirmed(client: Client, service: PushService, device: Device | None = None, **fields: Any) -> str:
    """The id of a subscription that the device has confirmed."""
    created = client.subscribe(service.url(), device, **fields)
    assert "id" in created, created
    deliver.run()
    body = service.arrived[-1].body
    message = json.loads(body) if device is None else device.read(body)
    answer = client.set(update={created["id"]: {"verificationCode": message["verificationCode"]}})
    assert answer["updated"] == {created["id"]: None}, answer
    deliver.run()
    service.arrived.clear()
    hurry()
    return created["id"]


def hurry() -> None:
    """Let what waits be due."""
    PushSubscription.objects.update(due_at=timezone.now())


# ---------------------------------------------------------------------------------------------------------- get and set


@pytest.mark.rfc(8620, "7.2.2")
def test_the_verification_is_sent_at_once_encrypted_and_signed(
    client: Client, service: PushService, device: Device
) -> None:
    created = client.subscribe(service.url(), device)
    deliver.run()

    (arrival,) = service.arrived
    message = device.read(arrival.body)
    assert message["@type"] == "PushVerification"
    assert message["pushSubscriptionId"] == created["id"]
    assert len(message["verificationCode"]) >= 22
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.headers["content-encoding"] == "aes128gcm"
    assert int(arrival.headers["ttl"]) > 0
    assert created.keys() == {"id", "expires", "verificationCode", "types"}


@pytest.mark.rfc(8292, "2")
@pytest.mark.rfc(9749, "3")
def test_the_signature_is_by_the_key_that_the_session_names(
    client: Client, service: PushService, device: Device
) -> None:
    client.subscribe(service.url(), device)
    deliver.run()

    header = service.arrived[0].headers["authorization"]
    fields = dict(part.strip().split("=", 1) for part in header.removeprefix("vapid ").split(","))
    principal = Verified(client.user.pk, None, client.user.password, 0).current_principal()
    session = json.loads(endpoint.session_of(principal, "https://mail.example/jmap").body)
    assert fields["k"] == session["capabilities"][VAPID]["applicationServerKey"]
    assert Vapid02.verify(header)
    claims = json.loads(_decoded(fields["t"].split(".")[1]))
    assert claims["aud"] == service.url().rpartition("/")[0]
    assert claims["sub"].startswith("mailto:")


def _decoded(text: str) -> bytes:
    from push.webpush.encryption import decode

    return decode(text)


@pytest.mark.rfc(8620, "7.2")
def test_without_keys_messages_go_out_readable(client: Client, service: PushService) -> None:
    client.subscribe(service.url())
    deliver.run()

    assert json.loads(service.arrived[0].body)["@type"] == "PushVerification"
    assert "content-encoding" not in service.arrived[0].headers


@pytest.mark.rfc(8620, "7.2.2")
def test_nothing_but_the_verification_is_sent_before_it_is_confirmed(
    client: Client, service: PushService, device: Device
) -> None:
    client.subscribe(service.url(), device)
    deliver.run()

    client.change("Email")
    hurry()
    deliver.run()
    deliver.sweep()
    deliver.run()

    assert len(service.arrived) == 1


@pytest.mark.rfc(8620, "7.2.2")
@pytest.mark.parametrize("code", ["", "guess", "é"])
def test_a_wrong_code_is_refused(client: Client, service: PushService, device: Device, code: str) -> None:
    created = client.subscribe(service.url(), device)

    refused = client.set(update={created["id"]: {"verificationCode": code}})["notUpdated"][created["id"]]

    assert (refused["type"], refused["properties"]) == ("invalidProperties", ["verificationCode"])


@pytest.mark.rfc(8620, "7.2.1")
def test_url_and_keys_are_never_returned_and_asking_is_forbidden(
    client: Client, service: PushService, device: Device
) -> None:
    key = confirmed(client, service, device, types=["Email"])

    name, answer = client.list()
    asked = [client.list(properties=[name])[1]["type"] for name in ("url", "keys")]

    assert name == "PushSubscription/get"
    assert answer.keys() == {"list", "notFound"}
    (row,) = answer["list"]
    assert row.keys() == {"id", "deviceClientId", "verificationCode", "expires", "types"}
    assert (row["id"], row["deviceClientId"], row["types"]) == (key, "a889", ["Email"])
    assert asked == ["forbidden", "forbidden"]


@pytest.mark.rfc(8620, "7.2.2")
def test_the_code_is_not_told_to_whoever_has_not_received_it(client: Client, service: PushService) -> None:
    client.subscribe(service.url())

    assert client.list()[1]["list"][0]["verificationCode"] is None


@pytest.mark.rfc(8620, "7.2")
def test_only_the_credentials_that_made_it_see_it(client: Client, service: PushService) -> None:
    issued = [Credential.issue(client.user, "token", name)[0] for name in ("phone", "laptop")]
    phone, laptop = (Client(client.user, client.account, credential) for credential in issued)
    created = phone.subscribe(service.url())

    seen = [len(each.list()[1]["list"]) for each in (phone, laptop, client)]
    refused = laptop.set(update={created["id"]: {"types": None}}, destroy=[created["id"]])

    assert seen == [1, 0, 0]
    assert refused["notUpdated"] is None or refused["notUpdated"][created["id"]]["type"] in {"notFound", "willDestroy"}
    assert refused["notDestroyed"][created["id"]]["type"] == "notFound"


@pytest.mark.rfc(8620, "7.2")
@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"url": "http://push.example/x"}, "url", "https"),
        ({"url": "https://me:secret@push.example/x"}, "url", "credentials"),
        ({"url": "https://push.example/x y"}, "url", "encoded"),
        ({"keys": {"p256dh": "AAAA", "auth": "AAAA"}}, "keys", "P-256"),
        ({"keys": {"auth": "c2l4dGVlbiBvY3RldHMhIQ"}}, "keys", "p256dh"),
        ({"verificationCode": "x"}, "verificationCode", "null"),
        ({"expires": "2001-01-01T00:00:00Z"}, "expires", "over"),
        ({"expires": "soon"}, "expires", "UTCDate"),
        ({"types": ["Nothing"]}, "types", "none of them"),
        ({"types": "Email"}, "types", "array"),
    ],
)
def test_a_property_that_is_wrong_is_named(
    client: Client, service: PushService, fields: dict[str, Any], name: str, words: str
) -> None:
    refused = client.subscribe(**{"url": service.url(), **fields})

    assert refused["type"] == "invalidProperties"
    assert [each.partition("/")[0] for each in refused["properties"]] == [name]
    assert words in refused["description"]
    assert service.arrived == []


@pytest.mark.rfc(8620, "8.6")
def test_an_address_inside_is_refused_when_it_is_named(
    client: Client, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *_arguments, **_options: inside)

    refused = client.subscribe("https://metadata.example/")

    assert (refused["type"], refused["properties"]) == ("invalidProperties", ["url"])
    assert "public" in refused["description"]


@pytest.mark.rfc(8620, "7.2.2")
@pytest.mark.parametrize("name", ["url", "keys", "deviceClientId"])
def test_what_cannot_change_is_refused(client: Client, service: PushService, device: Device, name: str) -> None:
    key = confirmed(client, service, device)
    value = {"url": "https://push.example/y", "keys": None, "deviceClientId": "b"}[name]

    refused = client.set(update={key: {name: value}})["notUpdated"][key]

    assert (refused["type"], refused["properties"]) == ("invalidProperties", [name])


@pytest.mark.rfc(8620, "7.2")
def test_expiry_is_bounded_to_more_than_two_days(client: Client, service: PushService) -> None:
    now = timezone.now()
    asked = {
        "none": None,
        "soon": format_utc_date((now + timedelta(hours=50)).replace(microsecond=0)),
        "never": "2099-01-01T00:00:00Z",
    }

    given = {name: client.subscribe(service.url(), expires=value)["expires"] for name, value in asked.items()}

    most = format_utc_date((now + timedelta(days=30, minutes=1)).replace(microsecond=0))
    assert given["soon"] == asked["soon"]
    assert asked["soon"] < given["none"] <= most
    assert asked["soon"] < given["never"] <= most


@pytest.mark.rfc(8620, "7.2.2")
def test_prolonging_needs_no_new_verification_and_tells_what_it_came_to(
    client: Client, service: PushService, device: Device
) -> None:
    key = confirmed(client, service, device)

    answer = client.set(update={key: {"expires": "2099-01-01T00:00:00Z"}})

    assert answer["updated"][key]["expires"] < "2099"
    assert PushSubscription.objects.get().verified_at is not None


@pytest.mark.rfc(8620, "7.2")
def test_a_credential_with_an_end_takes_the_subscription_along(client: Client, service: PushService) -> None:
    ends_at = timezone.now() + timedelta(hours=5)
    credential, _secret = Credential.issue(client.user, "token", "x", expires_at=ends_at)

    created = Client(client.user, client.account, credential).subscribe(service.url(), expires="2099-01-01T00:00:00Z")

    assert created["expires"] == format_utc_date(ends_at.replace(microsecond=0))


@pytest.mark.rfc(8620, "8.6")
def test_floods_are_refused(client: Client, service: PushService) -> None:
    results = [client.subscribe(service.url(str(number))).get("type") for number in range(14)]

    assert results[:10] == [None] * 10
    assert results[10:12] == ["overQuota"] * 2
    assert results[12:] == ["rateLimit"] * 2


# ------------------------------------------------------------------------------------------------------------- delivery


@pytest.mark.rfc(8620, "7.1")
@pytest.mark.rfc(8030, "5")
def test_a_change_is_pushed_with_the_states_of_the_types_asked_for(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device, types=["Email", "EmailDelivery"])

    states = client.change("Email", "Mailbox", "EmailDelivery")
    deliver.run()

    (arrival,) = service.arrived
    del states["Mailbox"]
    assert device.read(arrival.body) == {"@type": "StateChange", "changed": {client.account.wire_id: states}}
    assert arrival.headers["urgency"] == "high"


@pytest.mark.rfc(8620, "7.1")
def test_types_null_stands_for_all_and_shared_accounts_count(
    client: Client, service: PushService, device: Device
) -> None:
    other = Account.objects.create(name="shared")
    AccountAccess.objects.create(account=other, user=client.user)
    confirmed(client, service, device)

    states = Client(client.user, other).change("Thread")
    deliver.run()

    assert device.read(service.arrived[0].body)["changed"] == {other.wire_id: states}


@pytest.mark.rfc(8620, "7.2")
def test_changes_while_the_push_service_is_away_become_one_message(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    service.answers = [(503, {"Retry-After": "120"}), (500, {})]

    client.change("Email")
    deliver.run()
    waits = PushSubscription.objects.get().due_at - timezone.now()
    client.change("Mailbox")
    hurry()
    deliver.run()
    states = client.change("Email", "Mailbox")
    hurry()
    deliver.run()

    assert waits > timedelta(seconds=110)
    assert len(service.arrived) == 3
    assert device.read(service.arrived[-1].body)["changed"] == {client.account.wire_id: states}
    assert PushSubscription.objects.get().failures == 0


@pytest.mark.rfc(8620, "7.2")
@pytest.mark.rfc(8030, "8.4")
def test_a_push_service_that_has_enough_is_left_alone_and_hears_less_from_then_on(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    service.answers = [(429, {"Retry-After": "3600"})]

    client.change("Email")
    deliver.run()
    rested = PushSubscription.objects.get()
    client.change("Email")
    deliver.run()
    hurry()
    deliver.run()
    after = PushSubscription.objects.get()

    assert rested.due_at - timezone.now() > timedelta(minutes=59)
    assert len(service.arrived) == 2
    assert after.due_at - timezone.now() > timedelta(seconds=5)


@pytest.mark.rfc(8030, "7.3")
@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_the_push_service_does_not_know_goes(
    client: Client, service: PushService, device: Device, status: int
) -> None:
    confirmed(client, service, device)
    service.answers = [(status, {})]

    client.change("Email")
    deliver.run()

    assert not PushSubscription.objects.exists()


@pytest.mark.own("a push service that refuses for good is not asked for ever")
def test_a_subscription_that_is_refused_again_and_again_goes(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    service.answers = [(403, {})] * 9

    client.change("Email")
    for _ in range(8):
        hurry()
        deliver.run()

    assert len(service.arrived) == deliver.MAX_REFUSALS
    assert not PushSubscription.objects.exists()


@pytest.mark.rfc(8620, "7.2")
@pytest.mark.parametrize("how", ["revoked", "password", "disabled", "expired"])
def test_a_subscription_goes_with_its_credentials(
    client: Client, service: PushService, device: Device, how: str
) -> None:
    credential = Credential.issue(client.user, "token", "x")[0] if how == "revoked" else None
    confirmed(Client(client.user, client.account, credential), service, device)

    if how == "revoked":
        Credential.objects.update(revoked_at=timezone.now())
    elif how == "password":
        client.user.set_password("another")
        client.user.save()
    elif how == "disabled":
        get_user_model().objects.update(is_active=False)
    else:
        PushSubscription.objects.update(expires_at=timezone.now())
    client.change("Email")
    deliver.run()

    assert service.arrived == []
    assert not PushSubscription.objects.exists()


@pytest.mark.own("rows are the queue: what nobody marked is found by the sweep")
def test_a_change_whose_news_were_lost_is_found_by_the_sweep(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    with writing(client.account.pk) as writer:
        writer.next("Email")

    before = deliver.run()
    marked = [deliver.sweep(), deliver.sweep()]
    deliver.run()
    again = deliver.sweep()

    assert (before, marked, again) == (0, [1, 0], 0)
    assert len(service.arrived) == 1


@pytest.mark.own("a worker that dies holds nothing up")
def test_what_a_dead_worker_had_claimed_is_sent_when_its_lease_is_over(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    client.change("Email")
    claimed, held = deliver.claim(), deliver.claim()

    PushSubscription.objects.update(leased_until=timezone.now())
    deliver.run()

    assert (len(claimed), held) == (1, [])
    assert len(service.arrived) == 1


@pytest.mark.rfc(8620, "7.1")
def test_states_of_very_many_accounts_go_in_several_messages(
    client: Client, service: PushService, device: Device
) -> None:
    accounts = [Account.objects.create(name=str(number)) for number in range(80)]
    AccountAccess.objects.bulk_create(AccountAccess(account=account, user=client.user) for account in accounts)
    confirmed(client, service, device)

    for account in accounts:
        Client(client.user, account).change("Email", "Mailbox", "Thread", "EmailDelivery")
    deliver.run()

    told: dict[str, Any] = {}
    for arrival in service.arrived:
        told |= device.read(arrival.body)["changed"]
    assert len(service.arrived) > 1
    assert told.keys() == {account.wire_id for account in accounts}


@pytest.mark.rfc(9749, "3")
def test_after_a_rotation_old_subscriptions_keep_their_key_until_they_are_gone(
    client: Client, service: PushService, device: Device
) -> None:
    confirmed(client, service, device)
    old = VapidKey.objects.get()

    new = vapid.rotate()
    client.change("Email")
    deliver.run()
    kept = vapid.retire_unused()
    PushSubscription.objects.all().delete()

    assert f"k={old.public}" in service.arrived[0].headers["authorization"].replace(" ", "")
    assert kept == 0
    assert vapid.retire_unused() == 1
    assert vapid.current_key() == new


@pytest.mark.own("what the database should not give away is encrypted")
def test_neither_address_nor_keys_nor_the_private_key_stand_readable_in_the_database(
    client: Client, service: PushService, device: Device
) -> None:
    client.subscribe(service.url("capability"), device)

    row = PushSubscription.objects.get()
    stored = bytes(row.target) + bytes(row.vapid_key.private)
    assert b"capability" not in stored
    assert device.keys["auth"].encode() not in stored
    assert b"PRIVATE KEY" not in stored
