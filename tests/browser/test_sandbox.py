"""Blobs opened in the browser: mail is written by anybody, so none of it may run as a page of the server."""

from urllib.parse import quote

import pytest

from tests.browser.chromium import Browser
from tests.browser.conftest import ADDRESS, PASSWORD, Mail
from tests.browser.elsewhere import Elsewhere

pytestmark = [pytest.mark.browser, pytest.mark.rfc(8620, "8.2"), pytest.mark.rfc(8620, "6.2")]

HTML = b"""<!doctype html><title>quiet</title><body onload="new Image().src='/onload'">
<script>document.title = 'ran'; new Image().src = '/script'</script>
<img src="/image"><iframe src="/frame"></iframe><link rel="stylesheet" href="/style"><p>Text</p>"""

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="fetch('/onload')"><title>quiet</title>
<script>document.querySelector('title').textContent = 'ran'; fetch('/script')</script></svg>"""

HARMFUL = pytest.mark.parametrize(
    ("octets", "type"), [(HTML, "text/html"), (SVG, "image/svg+xml")], ids=["html", "svg"]
)

DISARMING = {"content-security-policy", "x-content-type-options"}


def shown(browser: Browser, other: Elsewhere, mail: Mail, octets: bytes, type: str, without: set[str]) -> str:
    """Open a blob with the headers that it is downloaded with, but to be shown and without some; gives the title."""
    answer = mail.client.get(mail.download_url(mail.upload(octets, type), "page", type)).raise_for_status()
    left_out = {"content-disposition", "content-length", "transfer-encoding", *without}
    headers = [(name, value) for name, value in answer.headers.items() if name not in left_out]
    other.asked.clear()
    browser.open(other.put("page", headers, answer.content))
    return browser.driver.title


@HARMFUL
def test_a_page_that_is_shown_runs_no_script_and_asks_for_nothing(
    browser: Browser, other: Elsewhere, mail: Mail, octets: bytes, type: str
) -> None:
    title = shown(browser, other, mail, octets, type, without=set())

    assert title == "quiet"
    assert set(other.asked) <= {"/page", "/favicon.ico"}


@HARMFUL
def test_without_the_headers_that_disarm_it_the_page_runs(
    browser: Browser, other: Elsewhere, mail: Mail, octets: bytes, type: str
) -> None:
    title = shown(browser, other, mail, octets, type, without=DISARMING)

    assert title == "ran"
    assert "/script" in other.asked


@HARMFUL
def test_opening_a_download_saves_a_file_and_shows_nothing(
    browser: Browser, other: Elsewhere, mail: Mail, octets: bytes, type: str
) -> None:
    name = f"offer.{type.partition('/')[2].partition('+')[0]}"
    url = mail.download_url(mail.upload(octets, type), name, type)
    browser.open(other.url)

    browser.open(url.replace("://", f"://{quote(ADDRESS, safe='')}:{quote(PASSWORD)}@", 1))

    assert browser.downloaded(name) == octets
    assert browser.driver.current_url == other.url
