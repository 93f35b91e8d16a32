"""Who may see what: credentials, other people's accounts (RFC 8620 §1.6, §1.7, §3.6.2, §8)."""

import json
import socket
import ssl

from jmap_conformance import check
from jmap_conformance.case import CORE, MAIL, topic
from jmap_conformance.client import Client, Principal
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/access", 8620)


def statuses(client: Client, t: Toolkit, blob: str) -> dict[str, int]:
    """The status of each resource for a client."""
    urls = {
        name: t.jmap.url(name, accountId=t.jmap.account(), blobId=blob, name="x", type="text/plain")
        for name in ("uploadUrl", "downloadUrl")
    }
    stream = t.jmap.url("eventSourceUrl", types="*", closeafter="state", ping="0")
    body = b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{},"0"]]}'
    json_type = {"Content-Type": "application/json"}
    return {
        "session": client.http("GET", t.jmap.session_url).status,
        "api": client.http("POST", t.jmap.url("apiUrl"), body, json_type).status,
        "upload": client.http("POST", urls["uploadUrl"], b"x", {"Content-Type": "text/plain"}).status,
        "download": client.http("GET", urls["downloadUrl"]).status,
        "event source": client.http("GET", stream).status,
    }


@case("1.7", "must")
def every_resource_asks_for_credentials(t: Toolkit) -> None:
    """All HTTP requests MUST be authenticated.

    Anybody reads everything.
    """
    for name, status in statuses(t.client(None), t, t.jmap.upload(b"x")).items():
        check.that(400 <= status < 500, f"the status of {name} without credentials is {status}")


@case("1.7", "must")
def wrong_credentials_open_nothing(t: Toolkit) -> None:
    """All HTTP requests MUST be authenticated.

    Anybody reads everything.
    """
    principal = t.jmap.principal
    name = principal.name if principal else ""
    for wrong in (Principal(unique(), "wrong"), Principal(token="wrong")):
        for resource, status in statuses(t.client(wrong), t, t.jmap.upload(b"x")).items():
            check.that(400 <= status < 500, f"the status of {resource} with wrong credentials is {status}")
    check.that(
        t.client(Principal(name, unique())).http("GET", t.jmap.session_url).status in (401, 403, 429),
        "a wrong password opens the session",
    )


@case("8.2", "should")
def a_refusal_says_how_to_sign_in(t: Toolkit) -> None:
    """Use of the Basic authentication scheme is NOT RECOMMENDED. Services that choose to use it are strongly
    recommended to require generation of a unique "app password" via some external mechanism for each client they wish
    to connect.

    Clients cannot know which credentials to ask for.
    """
    exchange = t.client(None).http("GET", t.jmap.session_url)

    check.same(exchange.status, 401, "status")
    check.that(exchange.headers.get("www-authenticate"), "there is no WWW-Authenticate")


@case("3.6.2", "must", needs=("second-user",), also=(MAIL,))
def the_account_of_another_does_not_exist(t: Toolkit) -> None:
    """ "accountNotFound": The accountId does not correspond to a valid account.

    Strangers learn who has an account, or read in it.
    """
    mine = set(t.session["accounts"])
    theirs = [key for key in t.other.session["accounts"] if key not in mine]
    ours = [key for key in mine if key not in t.other.session["accounts"]]
    check.applies(theirs or ours, "both principals see the same accounts")
    for client, accounts in ((t.jmap, theirs), (t.other, ours)):
        for account in accounts:
            client.error("Mailbox/get", "accountNotFound", accountId=account, ids=None)
            client.error("Email/query", "accountNotFound", accountId=account)
            client.error("Email/set", "accountNotFound", accountId=account, destroy=[])
            exchange = client.put(b"x", "text/plain", account=account)
            check.that(400 <= exchange.status < 500, f"an upload into the account of another gets {exchange.status}")


@case("6.2", "must", needs=("second-user",), also=(MAIL,))
def the_blobs_of_another_do_not_exist(t: Toolkit) -> None:
    """unreferenced blobs MUST only be accessible to the uploader, even in shared accounts.

    Strangers read attachments.
    """
    blob = t.get("Email", t.email(), "blobId")["blobId"]
    own_of_other = [key for key, each in t.other.session["accounts"].items() if each["isPersonal"]]
    check.applies(own_of_other and own_of_other[0] not in (t.account,), "both principals share one account")
    for account in own_of_other:
        status = t.other.download(blob, account=account).status
        check.that(400 <= status < 500, f"the status for another's account is {status}")
    if t.account not in t.other.session["accounts"]:
        status = t.other.download(blob, account=t.account).status
        check.that(400 <= status < 500, f"the status for a stranger is {status}")


@case("3.6.2", "must", needs=("second-user",), also=(MAIL,))
def the_records_of_another_do_not_exist(t: Toolkit) -> None:
    """This array contains the ids passed to the method for records that do not exist.

    Strangers read mail whose id they guess.
    """
    box = t.mailbox()
    email = t.email(box)
    thread = t.get("Email", email, "threadId")["threadId"]
    for kind, record in (("Mailbox", box), ("Email", email), ("Thread", thread)):
        found = t.other.call(f"{kind}/get", ids=[record])
        if found["list"]:
            # Ids are unique within an account only: the same id may be another record there.
            check.that(
                found["list"][0].get("name") != t.get("Mailbox", box, "name")["name"], f"{kind} {record} is seen"
            )
            check.that(
                kind != "Email" or found["list"][0]["blobId"] != t.get("Email", email)["blobId"], f"{record} is seen"
            )


@case("1.7", "must", needs=("revoke",))
def credentials_that_were_revoked_open_nothing(t: Toolkit) -> None:
    """All HTTP requests MUST be authenticated.

    A stolen device keeps reading.
    """
    client = t.newcomer()
    check.same(client.request([["Core/echo", {}, "0"]]).status, 200, "the status before")
    assert client.principal is not None
    t.adapter.revoke(client.principal)

    def refused() -> bool:
        return client.request([["Core/echo", {}, "0"]]).status in (401, 403)

    t.eventually(refused, "the revoked credentials are refused")
    check.that(client.http("GET", client.session_url).status in (401, 403), "the session is still shown")


def connect(t: Toolkit) -> socket.socket:
    """A connection of our own."""
    host, port, tls = t.jmap.host
    raw = socket.create_connection((host, port), timeout=20)
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host) if tls else raw


def head(t: Toolkit, length: int) -> bytes:
    """The head of a request to the API."""
    host, port, _ = t.jmap.host
    url = t.jmap.url("apiUrl")
    path = "/" + url.split("/", 3)[3]
    assert t.jmap.principal is not None
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: {t.jmap.principal.authorization}"]
    lines += ["Content-Type: application/json", f"Content-Length: {length}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


@case("3.1", "must")
def a_request_that_comes_slowly_is_processed(t: Toolkit) -> None:
    """If successful, the response MUST also be of type "application/json" and consist of a single "Response" object

    People on slow lines cannot use the server.
    """
    body = b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"slow":true},"0"]]}'
    with connect(t) as line:
        data = head(t, len(body)) + body
        for begin in range(0, len(data), 40):
            line.sendall(data[begin : begin + 40])
        answer = b""
        while piece := line.recv(65536):
            answer += piece

    check.that(b" 200 " in answer.split(b"\r\n")[0], f"the answer begins with {answer[:60]!r}")
    check.that(b'"slow"' in answer, "the answer lacks the echo")


@case("3.6.2", "must", also=(MAIL,), alone=True)
def a_request_that_is_cut_changes_nothing(t: Toolkit) -> None:
    """the externally visible state of the server MUST NOT have changed if an error is returned at the method level.

    A lost connection leaves half of a write.
    """
    before = t.state("Mailbox")
    call = ["Mailbox/set", {"accountId": t.account, "create": {"a": {"name": unique()}}}, "0"]
    body = json.dumps({"using": [CORE, MAIL], "methodCalls": [call]}).encode()
    with connect(t) as line:
        line.sendall(head(t, len(body)) + body[:-20])
    with connect(t) as line:
        line.sendall(head(t, len(body))[:60])

    check.same(t.state("Mailbox"), before, "the state of Mailbox")
    check.same(t.jmap.request([["Core/echo", {}, "0"]]).status, 200, "the status of a request after them")
