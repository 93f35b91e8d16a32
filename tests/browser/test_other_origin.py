"""A web mail of another origin speaks JMAP from its page: what the browser lets it send and read."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.chromium import Browser
from tests.browser.conftest import ADDRESS, CORE, PASSWORD, Mail, Site
from tests.browser.elsewhere import Elsewhere

pytestmark = pytest.mark.browser

OWN = {"user": ADDRESS, "password": PASSWORD}


@dataclass(frozen=True)
class WebMail:
    """The page of the web mail, open in the browser."""

    browser: Browser

    def ask(self, url: str, **options: Any) -> dict[str, Any]:
        """What the page reads of an answer; see ask.js."""
        found: dict[str, Any] = self.browser.driver.execute_script("return ask(...arguments)", url, options)
        return found

    def json(self, url: str, **options: Any) -> Any:
        """The JSON of a good answer."""
        found = self.ask(url, **options)
        assert found.get("status") == 200, found
        return json.loads(bytes(found["octets"]))


@pytest.fixture
def page(browser: Browser, other: Elsewhere) -> WebMail:
    """The web mail's page."""
    browser.open(other.url)
    browser.exchanges()
    return WebMail(browser)


@pytest.mark.own("the other tests here mean something: what does not allow it, the browser keeps from the page")
def test_a_page_cannot_read_what_is_no_part_of_jmap(page: WebMail, site: Site) -> None:
    assert page.ask(f"{site.url}/admin/login/") == {"refused": "TypeError"}


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.rfc(8620, "2")
def test_a_page_reads_the_session(page: WebMail, site: Site, mail: Mail) -> None:
    assert page.json(f"{site.url}/.well-known/jmap", **OWN) == mail.session


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.rfc(8620, "3.1")
def test_a_page_makes_api_requests(page: WebMail, mail: Mail) -> None:
    request = {"using": [CORE], "methodCalls": [["Core/echo", {"größe": "世界"}, "c"]]}

    answer = page.json(mail.session["apiUrl"], method="POST", json=request, **OWN)

    assert answer["methodResponses"] == request["methodCalls"]


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.rfc(8620, "6")
@pytest.mark.parametrize("name", ["notes.txt", "Grüße 世界.txt"])
def test_a_page_uploads_a_file_and_downloads_it_again(page: WebMail, mail: Mail, name: str) -> None:
    octets = list(range(256)) * 40
    url = mail.session["uploadUrl"].replace("{accountId}", mail.account)

    uploaded = page.json(url, method="POST", octets=octets, type="text/plain", **OWN)
    downloaded = page.ask(mail.download_url(uploaded["blobId"], name, "text/plain"), **OWN)

    assert (uploaded["size"], uploaded["type"]) == (len(octets), "text/plain")
    assert (downloaded["status"], downloaded["octets"]) == (200, octets)
    assert downloaded["headers"]["content-type"] == "text/plain"
    assert downloaded["headers"]["content-disposition"].startswith("attachment; filename")


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.rfc(8620, "8.2")
@pytest.mark.parametrize("credentials", [{}, {**OWN, "password": "wrong"}], ids=["none", "wrong"])
def test_a_page_reads_why_it_is_refused(page: WebMail, site: Site, credentials: dict[str, str]) -> None:
    refused = page.ask(f"{site.url}/.well-known/jmap", **credentials)

    assert refused["status"] == 401
    assert "basic" in refused["headers"]["www-authenticate"].lower()
    assert "bearer" in refused["headers"]["www-authenticate"].lower()
    assert json.loads(bytes(refused["octets"]))["status"] == 401


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.rfc(8620, "3.6.1")
def test_a_page_reads_what_is_wrong_with_its_request(page: WebMail, mail: Mail) -> None:
    refused = page.ask(mail.session["apiUrl"], method="POST", json={"using": []}, **OWN)

    assert refused["status"] == 400
    assert json.loads(bytes(refused["octets"]))["type"] == "urn:ietf:params:jmap:error:notRequest"


@pytest.mark.rfc(8620, "1.7")
def test_the_browser_asks_first_without_credentials_and_is_let_through(page: WebMail, site: Site, mail: Mail) -> None:
    blob = mail.upload(b"x", "text/plain")
    urls = [
        mail.session["apiUrl"],
        mail.session["uploadUrl"].replace("{accountId}", mail.account),
        f"{site.url}/.well-known/jmap",
        mail.download_url(blob, "x", "text/plain"),
    ]

    page.ask(urls[0], method="POST", json={"using": [CORE], "methodCalls": []}, **OWN)
    page.ask(urls[1], method="POST", octets=[1], type="image/png", **OWN)
    page.ask(urls[2], headers={"Content-Type": "application/json", "Accept": "application/json"}, **OWN)
    page.ask(urls[3], headers={"Last-Event-ID": "1"}, **OWN)
    preflights = [exchange for exchange in page.browser.exchanges() if exchange.method == "OPTIONS"]

    assert [exchange.url for exchange in preflights] == urls
    assert all(exchange.status in range(200, 300) for exchange in preflights)
    assert not any(name.lower() == "authorization" for exchange in preflights for name in exchange.headers)
