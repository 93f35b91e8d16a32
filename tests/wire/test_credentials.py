"""Who gets in: passwords, app passwords, tokens, cookies; and that nobody stays in who should not."""

import base64

import httpx
import pytest

from tests.wire.conftest import Clerk, Edge, Person, echo


def session_status(client: httpx.Client, header: str | None = None) -> int:
    """The status of the Session resource with an Authorization header."""
    if header is None:
        return client.get("/jmap/session").status_code
    return client.get("/jmap/session", headers={"Authorization": header}, auth=None).status_code


def basic(name: str, password: str) -> str:
    """The Authorization header for a name and a password."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.parametrize("path", ["/.well-known/jmap", "/jmap/session", "/jmap/download/ub/bb/x"])
def test_a_stranger_gets_both_challenges(stranger: httpx.Client, path: str) -> None:
    response = stranger.get(path)

    challenge = response.headers["www-authenticate"]
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert challenge.startswith('Basic realm="')
    assert 'charset="UTF-8"' in challenge
    assert "Bearer" in challenge


@pytest.mark.rfc(8620, "8.2")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"nul\0:x").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Bearer",
        "Bearer x y",
        "Digest username=x",
        "Basic " + "QUFB" * 2_500,
        "x",
    ],
)
def test_credentials_that_are_none_are_refused(stranger: httpx.Client, header: str) -> None:
    response = stranger.get("/jmap/session", headers={"Authorization": header})

    assert response.status_code in {401, 400, 431}


@pytest.mark.rfc(8620, "8.2")
def test_a_wrong_password_and_an_unknown_user_look_the_same(stranger: httpx.Client, person: Person) -> None:
    wrong = stranger.get("/jmap/session", headers={"Authorization": basic(person.name, "guess")})
    unknown = stranger.get("/jmap/session", headers={"Authorization": basic("nobody-at-all", "guess")})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


@pytest.mark.rfc(8620, "8.2")
def test_an_app_password_signs_in_until_it_is_revoked(stranger: httpx.Client, person: Person, clerk: Clerk) -> None:
    header = basic(person.name, clerk.credential(name=person.name, kind="app"))

    before = [session_status(stranger, header) for _ in range(2)]
    clerk.revoke(name=person.name)
    after = session_status(stranger, header)

    assert before == [200, 200]
    assert after == 401


@pytest.mark.rfc(8620, "8.2")
def test_an_app_password_is_good_for_its_own_user_alone(stranger: httpx.Client, person: Person, clerk: Clerk) -> None:
    other = clerk.newcomer()

    assert session_status(stranger, basic(other.name, clerk.credential(name=person.name, kind="app"))) == 401


@pytest.mark.rfc(6750, "2.1")
def test_a_token_signs_in_until_it_is_revoked(stranger: httpx.Client, person: Person, clerk: Clerk) -> None:
    header = "Bearer " + clerk.credential(name=person.name, kind="token")

    before = [session_status(stranger, header) for _ in range(2)]
    clerk.revoke(name=person.name)

    assert before == [200, 200]
    assert session_status(stranger, header) == 401


@pytest.mark.rfc(6750, "2.1")
def test_a_token_is_no_password_and_an_app_password_no_token(
    stranger: httpx.Client, person: Person, clerk: Clerk
) -> None:
    token, app = (clerk.credential(name=person.name, kind=kind) for kind in ("token", "app"))

    assert session_status(stranger, basic(person.name, token)) == 401
    assert session_status(stranger, "Bearer " + app) == 401


@pytest.mark.rfc(8620, "8.2")
def test_an_expired_secret_is_refused(stranger: httpx.Client, person: Person, clerk: Clerk) -> None:
    expired = clerk.credential(name=person.name, kind="token", hours=-1)
    lasting = clerk.credential(name=person.name, kind="token", hours=1)

    assert session_status(stranger, f"Bearer {expired}") == 401
    assert session_status(stranger, f"Bearer {lasting}") == 200


@pytest.mark.rfc(8620, "8.2")
def test_a_changed_password_counts_from_the_next_request(client: httpx.Client, person: Person, clerk: Clerk) -> None:
    before = session_status(client)

    clerk.change(name=person.name, password="another one")

    assert before == 200
    assert session_status(client) == 401
    assert session_status(client, basic(person.name, "another one")) == 200


@pytest.mark.rfc(8620, "1.7")
def test_a_user_who_is_locked_out_or_gone_is_out_at_once(client: httpx.Client, person: Person, clerk: Clerk) -> None:
    token = "Bearer " + clerk.credential(name=person.name, kind="token")
    before = [session_status(client), session_status(client, token)]

    clerk.change(name=person.name, is_active=False)
    locked = [session_status(client), session_status(client, token), echo(client).status_code]
    clerk.change(name=person.name, is_active=True)
    back = session_status(client)
    clerk.delete(name=person.name)

    assert before == [200, 200]
    assert locked == [401, 401, 401]
    assert back == 200
    assert session_status(client) == session_status(client, token) == 401


@pytest.mark.rfc(8620, "1.7")
def test_a_cookie_of_the_site_signs_its_own_pages_in(edge: Edge, person: Person, clerk: Clerk) -> None:
    cookie = clerk.sign_in(name=person.name)
    with edge.client(headers={"Cookie": cookie}) as browser:
        got = browser.get("/jmap/session")
        own = echo(browser, headers={"Origin": edge.url})
        foreign = echo(browser, headers={"Origin": "https://evil.example"})
        nameless = echo(browser)
        elsewhere = echo(browser, headers={"Sec-Fetch-Site": "cross-site"})

    assert got.json()["username"] == person.name
    assert own.status_code == 200
    assert {foreign.status_code, nameless.status_code, elsewhere.status_code} == {403}


@pytest.mark.rfc(8620, "1.7")
def test_a_cookie_that_is_none_is_a_401(edge: Edge) -> None:
    for cookie in ("sessionid=x", "sessionid=", "other=1", "sessionid=;;;=="):
        with edge.client(headers={"Cookie": cookie}) as browser:
            assert browser.get("/jmap/session").status_code == 401


@pytest.mark.rfc(8620, "8.2")
def test_no_log_has_a_password_or_a_token(edge: Edge, person: Person, clerk: Clerk) -> None:
    token = clerk.credential(name=person.name, kind="token")
    with edge.client(person) as client:
        session_status(client)
        session_status(client, f"Bearer {token}")
        session_status(client, basic(person.name, "guessed-in-vain"))

    log = edge.log.read_text()
    assert person.password not in log
    assert token not in log
    assert "guessed-in-vain" not in log
