"""The admin as an operator meets it, in a browser; what is done there is seen by JMAP clients at once."""

import pytest

from tests.browser.chromium import Browser
from tests.browser.conftest import ADDRESS, ADMIN, ADMIN_PASSWORD, Mail, Site

pytestmark = [pytest.mark.browser, pytest.mark.own("an operator needs no command line, and clients see what they do")]

SAVE = "input[name='_save']"


@pytest.fixture(scope="module")
def admin(browser: Browser, site: Site) -> str:
    """The URL of the admin, where the administrator has signed in through the form."""
    url = f"{site.url}/admin/"
    browser.open(url)
    browser.fill(username=ADMIN, password=ADMIN_PASSWORD)
    browser.submit("input[type='submit']")
    assert browser.find("#user-tools").is_displayed()
    return url


def said(browser: Browser) -> str:
    """What the page says of what was done."""
    return " ".join(element.text for element in browser.find_all(".messagelist .success"))


def test_every_list_opens_without_a_complaint(admin: str, browser: Browser) -> None:
    browser.open(admin)
    browser.complaints()
    lists = [link.get_attribute("href") or "" for link in browser.find_all("#content-main tbody th a")]

    for url in lists:
        browser.open(url)
        assert browser.find("#changelist").is_displayed(), url
        assert browser.complaints() == [], url

    pages = {url.removeprefix(admin) for url in lists}
    assert pages >= {f"jmap_mail/{name}/" for name in ("domain", "address", "mailbox")} | {"jmap_core/account/"}


def test_a_domain_an_account_and_a_mailbox_made_by_forms_are_there_for_clients(
    admin: str, browser: Browser, site: Site
) -> None:
    address, password = "grace@new.example", "harbour-cedar-42"

    browser.open(f"{admin}jmap_mail/domain/add/")
    browser.fill(name="new.example")
    browser.submit(SAVE)
    browser.open(f"{admin}jmap_core/account/add/")
    browser.fill(address=address, name="Grace", password=password)
    browser.submit(SAVE)
    browser.submit("#result_list tbody tr:first-child th a")
    browser.submit("a[href*='/mailbox/add/?account=']")
    browser.fill(name="Receipts")
    browser.submit(SAVE)

    assert "Receipts" in said(browser)
    mail = site.jmap(address, password)
    names = {mailbox["name"] for mailbox in mail.call("Mailbox/get", ids=None)["list"]}
    assert mail.session["accounts"][mail.account]["name"] == "Grace"
    assert names > {"Receipts"}


def test_a_mailbox_renamed_in_the_admin_is_a_change_for_clients(admin: str, browser: Browser, mail: Mail) -> None:
    made = mail.call("Mailbox/set", create={"new": {"name": "Plans"}})
    mailbox = made["created"]["new"]["id"]

    browser.open(f"{admin}jmap_mail/mailbox/?q={mailbox}")
    browser.submit("#result_list tbody tr:first-child th a")
    browser.fill(name="Grand plans")
    browser.submit(SAVE)

    changes = mail.call("Mailbox/changes", sinceState=made["newState"])
    assert changes["updated"] == [mailbox]
    assert changes["newState"] != made["newState"]
    assert mail.call("Mailbox/get", ids=[mailbox])["list"][0]["name"] == "Grand plans"


def test_what_a_service_refuses_is_said_beside_the_field(admin: str, browser: Browser) -> None:
    browser.open(f"{admin}jmap_core/account/add/")
    browser.fill(address=ADDRESS, username="second")
    browser.submit(SAVE)

    assert browser.find(".field-address .errorlist").is_displayed()
