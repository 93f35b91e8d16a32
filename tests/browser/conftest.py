"""A site as people run it, a browser, and a web site of another origin.

The site is ``manage.py serve`` behind nothing: with daphne on SQLite, with uvicorn on PostgreSQL.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.browser.chromium import Browser, chromium
from tests.browser.elsewhere import Elsewhere, elsewhere
from tests.running import environment, free_port, manage, own_database, serve

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
ADMIN, ADMIN_PASSWORD = "root", "plum-anchor-violet-9"
ADDRESS, PASSWORD = "ada@example.org", "größe-lantern-mist-4"


@dataclass(frozen=True)
class Site:
    """The running server."""

    url: str

    def jmap(self, address: str, password: str) -> "Mail":
        """A JMAP client, signed in."""
        client = httpx.Client(base_url=self.url, auth=(address.encode(), password.encode()), timeout=30)
        return Mail(client, client.get("/.well-known/jmap", follow_redirects=True).raise_for_status().json())


@dataclass(frozen=True)
class Mail:
    """Somebody's mail over JMAP."""

    client: httpx.Client
    session: dict[str, Any]

    @property
    def account(self) -> str:
        """The id of their account."""
        return self.session["primaryAccounts"][MAIL]

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one method call."""
        calls = [[method, {"accountId": self.account, **arguments}, "c"]]
        answer = self.client.post(self.session["apiUrl"], json={"using": [CORE, MAIL], "methodCalls": calls})
        name, given, _call_id = answer.raise_for_status().json()["methodResponses"][0]
        assert name == method, given
        return given

    def upload(self, octets: bytes, type: str) -> str:
        """The id of a new blob."""
        url = self.session["uploadUrl"].replace("{accountId}", self.account)
        return self.client.post(url, content=octets, headers={"Content-Type": type}).raise_for_status().json()["blobId"]

    def download_url(self, blob_id: str, name: str, type: str) -> str:
        """Where a blob is downloaded."""
        values = {"accountId": self.account, "blobId": blob_id, "name": name, "type": type}
        url = self.session["downloadUrl"]
        for variable, value in values.items():
            url = url.replace(f"{{{variable}}}", str(httpx.QueryParams({"x": value}))[2:].replace("+", "%20"))
        return url


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with an administrator and one mailbox."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    server = "uvicorn" if os.environ.get("TEST_DATABASE") == "postgres" else "daphne"
    with own_database(folder, "browser") as url:
        variables = environment(folder / "data", DATABASE_URL=url, SERVER=server)
        passwords = {"SETUP_ADMIN_PASSWORD": ADMIN_PASSWORD, "SETUP_MAILBOX_PASSWORD": PASSWORD}
        made = manage("setup", "--admin", ADMIN, "--address", ADDRESS, variables={**variables, **passwords})
        assert made.returncode == 0, made.stderr
        with serve(port, folder / "log", variables):
            yield Site(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has been nowhere yet."""
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def other(browser: Browser) -> Iterator[Elsewhere]:
    """A site of another origin."""
    with elsewhere() as running:
        yield running


@pytest.fixture
def mail(site: Site) -> Mail:
    """The mailbox of the site, for what a test prepares and checks without the browser."""
    return site.jmap(ADDRESS, PASSWORD)
