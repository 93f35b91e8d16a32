"""A web mail of another origin listens from its page, by EventSource and WebSocket, while the server restarts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import WAIT_SECONDS, Browser
from tests.browser.conftest import ADDRESS, ADMIN, ADMIN_PASSWORD, CORE, PASSWORD, Mail, Site
from tests.browser.elsewhere import Elsewhere
from tests.running import environment, free_port, manage, own_database, serve

pytestmark = pytest.mark.browser

TICKETS = "https://jmap-server.example/push-tickets"

LISTEN = """
window.told = [];
window.opened = 0;
const source = new EventSource(arguments[0]);
source.onopen = () => { window.opened++; };
source.addEventListener("state", event => window.told.push(JSON.parse(event.data).changed));
window.source = source;
"""

CONNECT = """
window.told = [];
window.opened = 0;
const socket = new WebSocket(arguments[0], arguments[1]);
socket.onopen = () => {
  window.opened++;
  socket.send(JSON.stringify({"@type": "WebSocketPushEnable", dataTypes: ["Mailbox"], pushState: arguments[2]}));
  socket.send(JSON.stringify({"@type": "Request", id: "r", using: [arguments[3]],
                              methodCalls: [["Core/echo", {"größe": "世界"}, "c"]]}));
};
socket.onmessage = event => window.told.push(JSON.parse(event.data));
socket.onclose = event => window.told.push({closed: event.code, reason: event.reason});
"""


@dataclass
class Restartable:
    """A site of its own for one test, which can be stopped and started."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Restartable]:
    """A running site with one mailbox."""
    port = free_port()
    server = "uvicorn" if os.environ.get("TEST_DATABASE") == "postgres" else "daphne"
    with own_database(tmp_path, "push") as url, contextlib.ExitStack() as stack:
        variables = environment(tmp_path / "data", DATABASE_URL=url, SERVER=server)
        passwords = {"SETUP_ADMIN_PASSWORD": ADMIN_PASSWORD, "SETUP_MAILBOX_PASSWORD": PASSWORD}
        made = manage("setup", "--admin", ADMIN, "--address", ADDRESS, variables={**variables, **passwords})
        assert made.returncode == 0, made.stderr
        running = stack.enter_context(contextlib.ExitStack())

        def start() -> None:
            running.enter_context(serve(port, tmp_path / "log", variables))

        start()
        yield Restartable(f"http://127.0.0.1:{port}", start, running.close)


def ticket(mail: Mail, kind: str) -> str:
    """A new ticket."""
    calls = [["PushTicket/create", {"kind": kind}, "c"]]
    answer = mail.client.post(mail.session["apiUrl"], json={"using": [CORE, TICKETS], "methodCalls": calls})
    return answer.json()["methodResponses"][0][1]["ticket"]


def change(mail: Mail, name: str) -> str:
    """Make a mailbox; the state of Mailbox after it."""
    return mail.call("Mailbox/set", create={"a": {"name": name}})["newState"]


def wait_for(browser: Browser, condition: Callable[[list[Any]], Any]) -> Any:
    """What the condition finds in all that the page was told."""
    return WebDriverWait(browser.driver, WAIT_SECONDS).until(
        lambda driver: condition(driver.execute_script("return window.told"))
    )


def opened(browser: Browser, times: int) -> None:
    """Wait until the page has connected so many times at least."""
    WebDriverWait(browser.driver, WAIT_SECONDS).until(
        lambda driver: driver.execute_script("return window.opened") >= times
    )


@pytest.mark.rfc(8620, "7.3")
def test_an_event_source_of_another_origin_outlives_a_restart_and_misses_nothing(
    browser: Browser, other: Elsewhere, own_site: Restartable
) -> None:
    mail = Site(own_site.url).jmap(ADDRESS, PASSWORD)
    url = mail.session["capabilities"][TICKETS]["eventSourceUrl"]
    for name, value in {"types": "*", "closeafter": "no", "ping": "0", "ticket": ticket(mail, "eventSource")}.items():
        url = url.replace(f"{{{name}}}", value)
    browser.open(other.url)

    browser.driver.execute_script(LISTEN, url)
    opened(browser, 1)
    first = change(mail, "Before")
    wait_for(browser, lambda told: [each for each in told if each[mail.account].get("Mailbox") == first])
    own_site.stop()
    missed = manage_change(own_site)
    own_site.start()
    opened(browser, 2)
    wait_for(browser, lambda told: [each for each in told if each[mail.account].get("Mailbox") == missed])
    last = change(mail, "After")

    assert wait_for(browser, lambda told: [each for each in told if each[mail.account].get("Mailbox") == last])
    browser.driver.execute_script("window.source.close()")


def manage_change(own_site: Restartable) -> str:
    """A change while the page is not connected, or just connecting: the server runs for it, and no longer."""
    own_site.start()
    mail = Site(own_site.url).jmap(ADDRESS, PASSWORD)
    state = change(mail, "Meanwhile")
    own_site.stop()
    return state


@pytest.mark.rfc(8887, "4.3.2")
@pytest.mark.rfc(8887, "4.3.5.2")
def test_a_web_socket_of_another_origin_speaks_and_goes_on_after_a_restart(
    browser: Browser, other: Elsewhere, own_site: Restartable
) -> None:
    mail = Site(own_site.url).jmap(ADDRESS, PASSWORD)
    template = mail.session["capabilities"][TICKETS]["webSocketUrl"]
    browser.open(other.url)

    browser.driver.execute_script(
        CONNECT, template.replace("{ticket}", ticket(mail, "webSocket")), ["jmap"], None, CORE
    )
    answer = wait_for(browser, lambda told: [each for each in told if each.get("requestId") == "r"])[0]
    first = change(mail, "Before")
    push = wait_for(browser, lambda told: [each for each in told if each.get("@type") == "StateChange"])[-1]
    own_site.stop()
    closed = wait_for(browser, lambda told: [each for each in told if "closed" in each])[0]
    own_site.start()
    missed = change(mail, "Meanwhile")
    again = template.replace("{ticket}", ticket(mail, "webSocket"))
    browser.driver.execute_script(CONNECT, again, ["jmap"], push["pushState"], CORE)
    caught_up = wait_for(browser, lambda told: [each for each in told if each.get("@type") == "StateChange"])[-1]

    assert answer["methodResponses"] == [["Core/echo", {"größe": "世界"}, "c"]]
    assert push["changed"] == {mail.account: {"Mailbox": first}}
    assert closed["closed"] in {1001, 1006, 1012}
    assert caught_up["changed"] == {mail.account: {"Mailbox": missed}}


@pytest.mark.own("a page can choose subprotocols, but no header")
def test_a_web_socket_may_carry_credentials_as_a_subprotocol(
    browser: Browser, other: Elsewhere, own_site: Restartable
) -> None:
    mail = Site(own_site.url).jmap(ADDRESS, PASSWORD)
    url = mail.session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"]
    browser.open(other.url)
    header = browser.driver.execute_script(f"return basic({ADDRESS!r}, {PASSWORD!r})")
    name = browser.driver.execute_script(
        "return 'jmapauth.' + btoa(arguments[0]).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')", header
    )

    browser.driver.execute_script(CONNECT, url, ["jmap", name], None, CORE)

    assert wait_for(browser, lambda told: [each for each in told if each.get("requestId") == "r"])
