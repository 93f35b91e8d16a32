"""The session resource (RFC 8620 §2)."""

import re
from urllib.parse import urljoin

from jmap_conformance import check
from jmap_conformance.case import CORE, MAIL, topic
from jmap_conformance.toolkit import Toolkit

case = topic("core/session", 8620)

LIMITS = (
    "maxSizeUpload",
    "maxConcurrentUpload",
    "maxSizeRequest",
    "maxConcurrentRequests",
    "maxCallsInRequest",
    "maxObjectsInGet",
    "maxObjectsInSet",
)
PROPERTIES = (
    "capabilities",
    "accounts",
    "primaryAccounts",
    "username",
    "apiUrl",
    "downloadUrl",
    "uploadUrl",
    "eventSourceUrl",
    "state",
)


def variables(template: object) -> set[str]:
    """The variables of a URI template."""
    check.is_string(template, "a URL of the session")
    return set(re.findall(r"\{(\w+)\}", str(template)))


@case("2", "must")
def get_returns_a_session_object(t: Toolkit) -> None:
    """A successful authenticated GET request to the JMAP Session resource MUST return a JSON-encoded *Session*
    object, giving details about the data and capabilities the server can provide to the client given those
    credentials.

    No client can begin to talk to the server.
    """
    exchange = t.jmap.get(t.jmap.session_url)

    check.same(exchange.status, 200, "status")
    check.same(exchange.media_type, "application/json", "media type")
    check.has(exchange.json, PROPERTIES, "the Session object")


@case("2", "must")
def session_has_every_property_in_its_type(t: Toolkit) -> None:
    """giving details about the data and capabilities the server can provide to the client given those credentials.

    Clients of typed languages fail to read the session.
    """
    session = t.session

    for name in ("username", "apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl", "state"):
        check.is_string(session.get(name), name)
    for name in ("capabilities", "accounts", "primaryAccounts"):
        check.that(isinstance(session.get(name), dict), f"{name} is no object")
    for key, account in session["accounts"].items():
        check.is_id(key, "an account id")
        check.has(account, ("name", "isPersonal", "isReadOnly", "accountCapabilities"), f"account {key}")
        check.is_string(account["name"], "name")
        for name in ("isPersonal", "isReadOnly"):
            check.that(isinstance(account[name], bool), f"{name} of account {key} is no boolean")
        for capability, value in account["accountCapabilities"].items():
            check.that(isinstance(value, dict), f"{capability} of account {key} is no object")


@case("2", "must")
def capabilities_hold_core(t: Toolkit) -> None:
    """The capabilities object MUST include a property called "urn:ietf:params:jmap:core".

    Clients take the server for one that does not speak JMAP.
    """
    check.has(t.session["capabilities"], [CORE], "capabilities")


@case("2", "must")
def core_capability_tells_every_limit(t: Toolkit) -> None:
    """The value of this property is an object that MUST contain the following information on server capabilities

    Clients cannot know how much they may send at once.
    """
    core = t.session["capabilities"][CORE]

    for name in LIMITS:
        check.is_unsigned(core.get(name), name)
    collations = core.get("collationAlgorithms")
    check.that(isinstance(collations, list), f"collationAlgorithms is {check.show(collations)}")
    for each in collations:
        check.is_string(each, "a collation")


@case("2", "should")
def limits_are_at_least_the_suggested_minimum(t: Toolkit) -> None:
    """suggested minimum values for limits are supplied that allow clients to make efficient use of the network

    Clients need many more round trips than they have to.
    """
    least = (50_000_000, 4, 10_000_000, 4, 16, 500, 500)
    core = t.session["capabilities"][CORE]

    for name, value in zip(LIMITS, least):
        check.is_unsigned(core.get(name), name, value)


@case("2", "must")
def vendor_capabilities_are_urls(t: Toolkit) -> None:
    """To avoid conflict, an identifier for a vendor-specific extension MUST be a URL with a domain owned by the vendor.

    Extensions of two vendors may be taken for one another.
    """
    for name in t.session["capabilities"]:
        sound = name.startswith("urn:ietf:params:jmap:") or re.match(r"https?://[^/\s]+\.[^/\s]+", name)
        check.that(sound, f"{name} is neither registered nor a URL")


@case("2", "must")
def accounts_tell_the_capabilities_that_may_be_used(t: Toolkit) -> None:
    """If the capability defines new methods, the server MUST include it in the accountCapabilities object if the
    user may use those methods with this account. It MUST NOT include it in the accountCapabilities object if the
    user cannot use those methods with this account.

    Clients hide features that are there, or offer what cannot be used.
    """
    probes = {MAIL: "Mailbox/get", "urn:ietf:params:jmap:submission": "Identity/get"}
    probes["urn:ietf:params:jmap:vacationresponse"] = "VacationResponse/get"
    for account, about in t.session["accounts"].items():
        for capability, method in probes.items():
            if capability not in t.session["capabilities"]:
                continue
            if capability in about["accountCapabilities"]:
                t.call(method, accountId=account, ids=[])
            else:
                t.error(method, accountId=account, ids=[])


@case("2", "must")
def account_capabilities_are_among_the_capabilities(t: Toolkit) -> None:
    """A map of capability URIs (as found in accountCapabilities)

    A client that opts into what an account offers gets unknownCapability.
    """
    for account, about in t.session["accounts"].items():
        strange = set(about["accountCapabilities"]) - set(t.session["capabilities"])
        check.that(not strange, f"account {account} offers {check.show(sorted(strange))}, which the server does not")


@case("2", "should")
def primary_accounts_leave_core_out(t: Toolkit) -> None:
    """ "urn:ietf:params:jmap:core" SHOULD NOT be present.

    Clients may take a default account for one that holds data.
    """
    check.that(CORE not in t.session["primaryAccounts"], "primaryAccounts names an account for core")


@case("2", "must")
def primary_accounts_exist_and_have_the_capability(t: Toolkit) -> None:
    """A map of capability URIs (as found in accountCapabilities) to the account id that is considered to be the
    user's main or default account for data pertaining to that capability.

    Clients open an account that they cannot use.
    """
    for capability, account in t.session["primaryAccounts"].items():
        check.has(t.session["accounts"], [account], "accounts")
        held = t.session["accounts"][account]["accountCapabilities"]
        check.that(capability in held, f"account {account} is primary for {capability}, which it does not have")


@case("2", "may")
def a_capability_may_lack_a_primary_account(t: Toolkit) -> None:
    """there MAY be no entry for a particular URI, even though that capability is supported by the server (and in
    the capabilities object).

    Clients that find no entry have to be able to choose from the accounts.
    """
    for capability in (MAIL, "urn:ietf:params:jmap:submission"):
        if capability in t.session["capabilities"] and capability not in t.session["primaryAccounts"]:
            mine = [each for each in t.session["accounts"].values() if each["isPersonal"]]
            able = [each for each in mine if capability in each["accountCapabilities"]]
            check.that(len(able) != 1, f"the only personal account with {capability} is not its primary account")


@case("2", "must")
def download_url_has_its_variables(t: Toolkit) -> None:
    """The URL MUST contain variables called "accountId", "blobId", "type", and "name".

    Clients cannot download.
    """
    check.same_set(variables(t.session["downloadUrl"]), {"accountId", "blobId", "type", "name"}, "variables")


@case("2", "should")
def download_url_has_type_in_its_query(t: Toolkit) -> None:
    """Due to potential encoding issues with slashes in content types, it is RECOMMENDED to put the "type" variable
    in the query section of the URL.

    Downloads fail behind proxies that decode %2F in paths.
    """
    check.that("{type}" in t.session["downloadUrl"].partition("?")[2], "{type} stands in the path")


@case("2", "must")
def upload_url_has_its_variable(t: Toolkit) -> None:
    """The URL MUST contain a variable called "accountId".

    Clients cannot upload.
    """
    check.same_set(variables(t.session["uploadUrl"]), {"accountId"}, "variables")


@case("2", "must")
def event_source_url_has_its_variables(t: Toolkit) -> None:
    """The URL MUST contain variables called "types", "closeafter", and "ping".

    Clients cannot listen for changes.
    """
    check.same_set(variables(t.session["eventSourceUrl"]), {"types", "closeafter", "ping"}, "variables")


@case("2", "may")
def other_properties_hide_no_standard_one(t: Toolkit) -> None:
    """To ensure future compatibility, other properties MAY be included on the Session object.

    A further property takes the place of a standard one.
    """
    check.has(t.session, PROPERTIES, "the Session object")


@case("2", "should")
def session_is_not_cached(t: Toolkit) -> None:
    """it is RECOMMENDED to disable HTTP caching altogether, for example, by setting "Cache-Control: no-cache,
    no-store, must-revalidate" on the response.

    Clients keep an old session for the new one.
    """
    control = t.jmap.get(t.jmap.session_url).headers.get("cache-control", "").lower()

    check.that("no-store" in control or "no-cache" in control, f"Cache-Control is {control!r}")


@case("2", "must")
def session_state_is_told_with_every_response(t: Toolkit) -> None:
    """The current value of the "state" string on the Session object, as described in Section 2.

    Clients do not notice that their session is out of date.
    """
    exchange = t.jmap.request([["Core/echo", {}, "0"]])

    check.same(exchange.json.get("sessionState"), t.jmap.refresh()["state"], "sessionState")


@case("2.2", "should", needs=("tls",))
def well_known_path_leads_to_the_session(t: Toolkit) -> None:
    """Servers SHOULD ensure this path resolves or redirects to the correct JMAP Session resource to allow this to work.

    Clients that know only the host cannot find the session.
    """
    _well_known(t)


@case("8.3", "should")
def well_known_path_is_the_session_resource(t: Toolkit) -> None:
    """Servers SHOULD ensure this path resolves or redirects to the correct JMAP Session resource to allow this to work.

    Clients that know only the host cannot find the session.
    """
    _well_known(t)


def _well_known(t: Toolkit) -> None:
    exchange = t.jmap.get(urljoin(t.jmap.session_url, "/.well-known/jmap"))

    check.same(exchange.status, 200, "status")
    check.same(exchange.json.get("username"), t.session["username"], "username")


@case("1.7", "must", needs=("tls",))
def session_urls_are_https(t: Toolkit) -> None:
    """All HTTP requests MUST use the "https://" scheme (HTTP over TLS [RFC2818]).

    Mail and credentials cross the network in clear text.
    """
    for name in ("apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl"):
        check.that(urljoin(t.jmap.session_url, t.session[name]).startswith("https://"), f"{name} is not https")


@case("1.3", "must")
def limits_are_integers_not_fractions(t: Toolkit) -> None:
    """Where "UnsignedInt" is given as a data type, it means an "Int" where the value MUST be in the range 0 <=
    value <= 2^53-1.

    Clients that keep numbers as integers cannot read the session.
    """
    for name in LIMITS:
        check.is_unsigned(t.session["capabilities"][CORE].get(name), name)


@case("1.2", "must", also=(MAIL,))
def ids_are_of_the_safe_alphabet(t: Toolkit) -> None:
    """it MUST only contain characters from the "URL and Filename Safe" base64 alphabet, as defined in Section 5 of
    [RFC4648], excluding the pad character ("=").

    Ids break in URLs, in file names and in creation references.
    """
    email = t.email()
    record = t.get("Email", email, "id", "blobId", "threadId", "mailboxIds")

    for key in t.session["accounts"]:
        check.is_id(key, "account id")
    for value in (record["id"], record["blobId"], record["threadId"], *record["mailboxIds"]):
        check.is_id(value, "id")


@case("1.2", "should", also=(MAIL,))
def ids_are_safe_for_globs_and_guesses_of_type(t: Toolkit) -> None:
    """For maximum safety, servers SHOULD also follow defensive allocation strategies to avoid creating risks where
    glob completion or data type detection may be present (e.g., on filesystems or in spreadsheets).

    An id begins with a dash, is only digits, or differs from another by case alone, or is NIL.
    """
    box = t.mailbox()
    ids = [box, *t.emails(box, *(t.message() for _ in range(12)))]

    for each in ids:
        check.that(not each.startswith("-"), f"{each} begins with a dash")
        check.that(not each.isdigit(), f"{each} is only digits")
        check.that("NIL" not in each, f"{each} holds NIL")
    check.that(len({each.lower() for each in ids}) == len(ids), f"ids differ by case alone: {check.show(ids)}")


@case("1.6.3", "must", also=(MAIL,))
def ids_are_unique_within_a_type(t: Toolkit) -> None:
    """The id MUST be unique among all records of the *same type* within the *same account*.

    A client shows one record for another.
    """
    box = t.mailbox()
    emails = t.emails(box, *(t.message() for _ in range(5)))
    boxes = t.mailboxes({}, {}, {})

    check.that(len(set(emails)) == 5, f"ids repeat: {check.show(emails)}")
    check.that(len({box, *boxes}) == 4, f"ids repeat: {check.show([box, *boxes])}")


@case("1.4", "must", also=(MAIL,))
def dates_are_normalised(t: Toolkit) -> None:
    """To ensure a normalised form, the "time-secfrac" MUST always be omitted if zero, and any letters in the string
    (e.g., "T" and "Z") MUST be uppercase.

    Clients that compare dates as text sort them wrongly.
    """
    record = t.get("Email", t.email(), "receivedAt", "sentAt")

    check.is_utc_date(record["receivedAt"], "receivedAt")
    check.that(check.DATE.match(str(record["sentAt"])), f"sentAt is {record['sentAt']}")


@case("1.4", "must", also=(MAIL,))
def utc_dates_end_in_z(t: Toolkit) -> None:
    """Where "UTCDate" is given as a type, it means a "Date" where the "time-offset" component MUST be "Z" (i.e., it
    must be in UTC time).

    Clients show mail hours off.
    """
    email = t.email(receivedAt="2024-02-29T23:59:58Z")

    check.same(t.get("Email", email, "receivedAt")["receivedAt"], "2024-02-29T23:59:58Z", "receivedAt")


@case("1.4", "must", also=(MAIL,))
def utc_date_with_an_offset_is_refused(t: Toolkit) -> None:
    """it means a "Date" where the "time-offset" component MUST be "Z"

    What one client writes another cannot read.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    about = {"blobId": blob, "mailboxIds": {t.mailbox(): True}, "receivedAt": "2024-05-02T10:00:00+02:00"}
    responses = t.calls(("Email/import", {"emails": {"e": about}}))
    name, answer, _ = responses[0]

    if name == "error":
        check.same(answer.get("type"), "invalidArguments", "the type of the error")
    else:
        check.set_error(answer, "notCreated", "e", "invalidProperties")
