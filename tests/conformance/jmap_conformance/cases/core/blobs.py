"""Uploads, downloads and Blob/copy (RFC 8620 §6)."""

import os

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.runner import mail_accounts
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/blobs", 8620)


@case("6.1", "must")
def an_upload_is_answered_with_its_blob(t: Toolkit) -> None:
    """A successful request MUST return a single JSON object with the following properties as the response:

    Clients cannot use what they have sent.
    """
    data = os.urandom(1000)
    exchange = t.jmap.put(data, "application/x-test")
    check.one_of(exchange.status, (200, 201), "status")
    answer = exchange.json

    check.is_id(answer.get("blobId"), "blobId")
    check.same(
        [answer.get("accountId"), answer.get("type"), answer.get("size")],
        [t.jmap.account(), "application/x-test", 1000],
        "accountId, type and size",
    )


@case("6.2", "must")
def a_download_gives_the_octets_back(t: Toolkit) -> None:
    """ "blobId": The blobId representing the data of the file to download.

    Files are damaged.
    """
    data = bytes(range(256)) * 40 + b"\r\n\n\r\x00"

    check.that(t.jmap.content(t.jmap.upload(data)) == data, "other octets came back")


@case("6.2", "must")
def an_empty_blob_is_a_blob(t: Toolkit) -> None:
    """The size of the file in octets.

    Empty files cannot be attached.
    """
    exchange = t.jmap.put(b"", "text/plain")
    check.one_of(exchange.status, (200, 201), "status")

    check.same(exchange.json["size"], 0, "size")
    check.that(t.jmap.content(exchange.json["blobId"]) == b"", "other octets came back")


@case("6.2", "must")
def a_download_has_the_type_asked_for(t: Toolkit) -> None:
    """ "type": The type for the server to set in the "Content-Type" header of the response; the blobId only represents
    the binary data and does not have a content-type innately associated with it.

    Browsers open a file with the wrong program.
    """
    blob = t.jmap.upload(b"<p>hello", "text/plain")
    for media_type in ("image/png", "application/x-strange+json", "text/html"):
        exchange = t.jmap.download(blob, "x", media_type)
        check.same(exchange.status, 200, "status")
        check.same(exchange.media_type, media_type, "media type")


@case("6.2", "must")
def a_download_has_the_name_asked_for(t: Toolkit) -> None:
    """ "name": The name for the file; the server MUST return this as the filename if it sets a "Content-Disposition"
    header.

    Files are saved under the wrong name.
    """
    blob = t.jmap.upload(b"hello")
    for name in ("report.pdf", "a b.txt", 'quo"te.txt', "grüße.txt"):
        exchange = t.jmap.download(blob, name)
        check.same(exchange.status, 200, "status")
        disposition = exchange.headers.get("content-disposition")
        check.applies(disposition, "the server sets no Content-Disposition")
        from_header = filename(disposition)
        check.same(from_header, name, "filename")


def filename(disposition: str) -> str:
    """The file name in a Content-Disposition header, as RFC 6266 has it read."""
    from email.message import Message
    from email.utils import collapse_rfc2231_value
    from urllib.parse import unquote

    extended = [each.strip() for each in disposition.split(";") if each.strip().lower().startswith("filename*=")]
    if extended:
        return unquote(extended[0].partition("''")[2], "utf-8")
    message = Message()
    message["Content-Disposition"] = disposition
    return collapse_rfc2231_value(message.get_filename() or "")


@case("6.2", "must")
def an_unknown_blob_is_not_found(t: Toolkit) -> None:
    """ "blobId": The blobId representing the data of the file to download.

    Clients cannot tell a lost file from a failure of the server.
    """
    for blob in ("no-such-blob", "G" + "0" * 40):
        exchange = t.jmap.download(blob)
        check.that(400 <= exchange.status < 500, f"the status of an unknown blob is {exchange.status}")


@case("6.1", "should")
def an_upload_that_fails_is_explained(t: Toolkit) -> None:
    """When an HTTP error response is returned to the client, the server SHOULD return a JSON "problem details" object
    as the response body, as per [RFC7807].

    Clients cannot show a reason.
    """
    exchange = t.jmap.put(b"x", "text/plain", account="no-such-account")
    check.that(400 <= exchange.status < 500, f"the status is {exchange.status}")

    check.one_of(exchange.media_type, ("application/problem+json", "application/json"), "media type")
    check.that(isinstance(exchange.json, dict), "the body is no object")


@case("6.2", "should")
def a_download_that_fails_is_explained(t: Toolkit) -> None:
    """When an HTTP error response is returned to the client, the server SHOULD return a JSON "problem details" object
    as the response body, as per [RFC7807].

    Clients cannot show a reason.
    """
    exchange = t.jmap.download("no-such-blob")
    check.that(400 <= exchange.status < 500, f"the status is {exchange.status}")

    check.one_of(exchange.media_type, ("application/problem+json", "application/json"), "media type")
    check.that(isinstance(exchange.json, dict), "the body is no object")


@case("6.1", "may")
def the_same_octets_may_get_the_same_blob(t: Toolkit) -> None:
    """If identical binary content to an existing blob in the account is uploaded, the existing blobId MAY be returned.

    The second upload breaks the first.
    """
    data = os.urandom(100)
    first, second = t.jmap.upload(data), t.jmap.upload(data)

    check.that(t.jmap.content(first) == data == t.jmap.content(second), "other octets came back")


@case("6", "must")
def a_blob_without_reference_stays_for_a_while(t: Toolkit) -> None:
    """Except where quota restrictions force early deletion, an unreferenced blob MUST NOT be deleted for at least 1
    hour from the time of upload

    Drafts lose their attachments before they are saved.
    """
    blobs = [t.jmap.upload(os.urandom(50)) for _ in range(10)]

    for blob in blobs:
        check.same(t.jmap.download(blob).status, 200, "status")


@case("6", "must", also=(MAIL,))
def a_blob_outlives_the_call_that_drops_its_last_reference(t: Toolkit) -> None:
    """A blob MUST NOT be deleted during the method call that removed the last reference, so that a client can issue a
    create and a destroy that both reference the blob within the same method call.

    Clients that replace a draft lose its attachments.
    """
    box = t.mailbox()
    attached = t.jmap.upload(b"attached " + os.urandom(8).hex().encode(), "text/plain")
    draft = {"mailboxIds": {box: True}, "subject": "one", "attachments": [{"blobId": attached, "type": "text/plain"}]}
    old = t.call("Email/set", create={"d": draft})["created"]["d"]["id"]
    blob = t.get("Email", old, "attachments")["attachments"][0]["blobId"]
    again = {**draft, "attachments": [{"blobId": blob, "type": "text/plain", "name": "again.txt"}]}
    answer = t.call("Email/set", create={"n": again}, destroy=[old])

    check.has(answer.get("created") or {}, ["n"], f"created in {check.show(answer)}")
    check.same(answer.get("destroyed"), [old], "destroyed")


@case("6", "must", also=(MAIL,))
def a_new_blob_id_of_an_import_is_told(t: Toolkit) -> None:
    """If it does so, it MUST return any properties that contain a changed blobId in the created/updated response, so
    the client gets the new ids.

    Clients keep an id that will be gone.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    made = t.call("Email/import", emails={"e": {"blobId": blob, "mailboxIds": {t.mailbox(): True}}})["created"]["e"]

    check.same(t.get("Email", made["id"], "blobId")["blobId"], made["blobId"], "blobId")
    check.same(t.jmap.download(made["blobId"]).status, 200, "the status of a download")


@case("6", "may", also=(MAIL,))
def a_blob_of_a_draft_may_get_a_new_id(t: Toolkit) -> None:
    """When the client uses a blobId in a create/update, the server MAY assign a new blobId to refer to the same binary
    data within the new/updated object.

    The attachment is damaged.
    """
    data = os.urandom(3000)
    part = {"blobId": t.jmap.upload(data, "application/x-bin"), "type": "application/x-bin", "name": "a.bin"}
    made = t.call("Email/set", create={"d": {"mailboxIds": {t.mailbox(): True}, "attachments": [part]}})["created"]["d"]
    blob = t.get("Email", made["id"], "attachments")["attachments"][0]["blobId"]

    check.that(t.jmap.content(blob) == data, "other octets came back")


@case("6.1", "must", needs=("shared-account", "second-user"))
def uploads_are_seen_by_their_uploader_only(t: Toolkit) -> None:
    """As access controls are often determined by the object holding the reference to a blob, unreferenced blobs MUST
    only be accessible to the uploader, even in shared accounts.

    Others read what was not meant for them yet.
    """
    account = mail_accounts(t.world)[1]
    exchange = t.jmap.put(os.urandom(64), "text/plain", account=account)
    check.applies(exchange.status in (200, 201), "the shared account takes no uploads")
    blob = exchange.json["blobId"]

    check.same(t.jmap.download(blob, account=account).status, 200, "the status for the uploader")
    status = t.other.download(blob, account=account).status
    check.that(400 <= status < 500, f"the status for another user of the account is {status}")


@case("6.3", "must", needs=("shared-account",), also=(MAIL,))
def blobs_are_copied_between_accounts(t: Toolkit) -> None:
    """Binary data may be copied *between* two different accounts using the "Blob/copy" method rather than having to
    download and then reupload on the client.

    Forwarding between accounts moves every attachment over the network twice.
    """
    own, shared = mail_accounts(t.world)[:2]
    data = os.urandom(500)
    blob = t.jmap.upload(data)
    answer = t.call("Blob/copy", fromAccountId=own, accountId=shared, blobIds=[blob, "no-such-blob"])
    check.has(answer.get("copied") or {}, [blob], "copied")

    check.that(t.jmap.download(answer["copied"][blob], account=shared).body == data, "other octets came back")
    check.set_error(answer, "notCopied", "no-such-blob", "blobNotFound", "notFound")
    check.same([answer["fromAccountId"], answer["accountId"]], [own, shared], "accounts")


@case("6.3", "must")
def copying_from_an_unknown_account_is_told(t: Toolkit) -> None:
    """ "fromAccountNotFound": The "fromAccountId" included with the request does not correspond to a valid account.

    Clients cannot tell which account is wrong.
    """
    own = t.jmap.account()
    t.error("Blob/copy", "fromAccountNotFound", fromAccountId="no-such", accountId=own, blobIds=[])


@case("6.1", "must")
def uploads_need_no_type_that_is_known(t: Toolkit) -> None:
    """The media type of the file (as specified in [RFC6838], Section 4.2) as set in the Content-Type header of the
    upload HTTP request.

    Files of a rare type cannot be attached.
    """
    for media_type in ("message/rfc822", "application/json", "application/vnd.x-y.z+zip", "image/svg+xml"):
        data = unique().encode()
        exchange = t.jmap.put(data, media_type)
        check.one_of(exchange.status, (200, 201), f"the status for {media_type}")
        check.same(exchange.json["type"], media_type, "type")
        check.that(t.jmap.content(exchange.json["blobId"]) == data, "other octets came back")
