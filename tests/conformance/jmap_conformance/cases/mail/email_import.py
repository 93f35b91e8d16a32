"""Email/import, /copy and /parse (RFC 8621 §4.7 to §4.9)."""

from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.cases.core.copy import SHARED, copied, two
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/email-import", 8621, MAIL)


def imported(t: Toolkit, **properties: Any) -> dict[str, Any]:
    """The response to an import of one message, with the properties."""
    about = {"blobId": t.jmap.upload(t.message(), "message/rfc822"), "mailboxIds": {t.mailbox(): True}, **properties}
    return t.call("Email/import", emails={"e": {key: value for key, value in about.items() if value is not ...}})


def parsed(t: Toolkit, source: bytes, **arguments: Any) -> dict[str, Any]:
    """The view of a message that was only uploaded."""
    blob = t.jmap.upload(source, "message/rfc822")
    answer = t.call("Email/parse", blobIds=[blob], **arguments)
    check.has(answer.get("parsed") or {}, [blob], f"parsed in {check.show(answer)}")
    return dict(answer["parsed"][blob])


@case("4.8", "must")
def an_import_makes_an_email(t: Toolkit) -> None:
    """A map of the creation id to an object containing the "id", "blobId", "threadId", and "size" properties for each
    successfully imported Email, or null if none.

    Clients have to fetch what they have just imported.
    """
    answer = imported(t, keywords={"$seen": True}, receivedAt="2020-02-02T02:02:02Z")
    made = (answer.get("created") or {}).get("e") or {}
    check.has(made, ("id", "blobId", "threadId", "size"), "created")
    record = t.get("Email", made["id"], "blobId", "threadId", "size", "keywords", "receivedAt")

    check.same(
        [record[name] for name in ("blobId", "threadId", "size")],
        [made[name] for name in ("blobId", "threadId", "size")],
        "what was told",
    )
    check.same(
        [record["keywords"], record["receivedAt"]], [{"$seen": True}, "2020-02-02T02:02:02Z"], "keywords and receivedAt"
    )


@case("4.8", "must", alone=True)
def states_of_an_import_are_told(t: Toolkit) -> None:
    """If supplied, the string must match the current state of the account referenced by the accountId; otherwise, the
    method will be aborted and a "stateMismatch" error returned.

    Clients import twice.
    """
    before = t.state("Email")
    answer = imported(t)
    check.one_of(answer.get("oldState"), (before, None), "oldState")
    check.same(answer.get("newState"), t.state("Email"), "newState")
    t.error("Email/import", "stateMismatch", ifInState=before, emails={})


@case("4.8", "must")
def messages_with_internationalised_headers_are_taken(t: Toolkit) -> None:
    """The server MUST support messages with Email Address Internationalization (EAI) headers [RFC6532].

    People with an address in their own script cannot be read.
    """
    source = (
        "From: Jürgen <jürgen@müller.example>\r\nTo: 用户@例子.example\r\nSubject: Grüße 日本\r\n\r\nx\r\n".encode()
    )
    record = t.get("Email", t.email(source=source), "from", "to", "subject")

    check.same(record["from"], [{"name": "Jürgen", "email": "jürgen@müller.example"}], "from")
    check.same(record["to"], [{"name": None, "email": "用户@例子.example"}], "to")
    check.same(record["subject"], "Grüße 日本", "subject")


@case("4.9", "must")
def internationalised_headers_are_parsed(t: Toolkit) -> None:
    """The server MUST support messages with EAI headers [RFC6532].

    People with an address in their own script cannot be read.
    """
    source = "From: Jürgen <jürgen@müller.example>\r\nSubject: Grüße 日本\r\n\r\nx\r\n".encode()
    record = parsed(t, source, properties=["from", "subject"])

    check.same(record["from"], [{"name": "Jürgen", "email": "jürgen@müller.example"}], "from")
    check.same(record["subject"], "Grüße 日本", "subject")


@case("4.8", "must")
def an_import_needs_a_mailbox(t: Toolkit) -> None:
    """At least one Mailbox MUST be given.

    Mail is there that nobody finds.
    """
    check.set_error(imported(t, mailboxIds={}), "notCreated", "e", "invalidProperties")


@case("4.8", "must")
def an_import_of_invalid_properties_is_refused(t: Toolkit) -> None:
    """If the "blobId", "mailboxIds", or "keywords" properties are invalid (e.g., missing, wrong type, id not
    found), the
    server MUST reject the import with an "invalidProperties" SetError.

    Mail is imported that nobody meant.
    """
    for wrong in (
        {"blobId": "no-such"},
        {"blobId": ...},
        {"blobId": 5},
        {"mailboxIds": {"no-such": True}},
        {"mailboxIds": ...},
        {"mailboxIds": []},
        {"keywords": {"a b": True}},
        {"keywords": ["$seen"]},
    ):
        responses = t.calls(
            (
                "Email/import",
                {
                    "emails": {
                        "e": {
                            key: value
                            for key, value in {
                                "blobId": t.jmap.upload(t.message(), "message/rfc822"),
                                "mailboxIds": {t.mailbox(): True},
                                **wrong,
                            }.items()
                            if value is not ...
                        }
                    }
                },
            )
        )
        name, answer, _ = responses[0]
        check.same(name, "Email/import", f"the response for {wrong}, which was {check.show(answer)}")
        check.set_error(answer, "notCreated", "e", "invalidProperties", "blobNotFound")


@case("4.8", "may")
def the_same_message_twice_is_two_emails_or_refused(t: Toolkit) -> None:
    """The server MAY forbid two Email objects with the same exact content [RFC5322], or even just with the same
    Message-ID [RFC5322], to coexist within an account.

    Mail is lost, or comes twice without a word.
    """
    _twice(t)


def _twice(t: Toolkit) -> tuple[str, dict[str, Any]]:
    source, box = t.message(), t.mailbox()
    first = t.email(box, source)
    about = {
        "blobId": t.jmap.upload(source, "message/rfc822"),
        "mailboxIds": {box: True},
        "keywords": {"$flagged": True},
    }
    answer = t.call("Email/import", emails={"e": about})
    if not answer.get("created"):
        check.set_error(answer, "notCreated", "e", "alreadyExists")
    return first, answer


@case("4.8", "must")
def a_duplicate_that_is_refused_is_named(t: Toolkit) -> None:
    """In this case, it MUST reject attempts to import an Email considered to be a duplicate with an "alreadyExists"
    SetError. An "existingId" property of type "Id" MUST be included on the SetError object with the id of the existing
    Email.

    Clients cannot show the message that is there.
    """
    first, answer = _twice(t)
    if answer.get("created"):
        raise NotApplicable("the server allows duplicates")

    check.same(check.set_error(answer, "notCreated", "e", "alreadyExists").get("existingId"), first, "existingId")


@case("4.8", "must")
def a_duplicate_that_is_allowed_is_an_email_of_its_own(t: Toolkit) -> None:
    """If duplicates are allowed, the newly created Email object MUST have a separate id and independent mutable
    properties to the existing object.

    Reading one marks the other as read.
    """
    first, answer = _twice(t)
    if not answer.get("created"):
        raise NotApplicable("the server forbids duplicates")
    second = answer["created"]["e"]["id"]

    check.that(first != second, "both have the same id")
    check.same(t.get("Email", first, "keywords")["keywords"], {}, "the keywords of the first")
    check.same(t.get("Email", second, "keywords")["keywords"], {"$flagged": True}, "the keywords of the second")


@case("4.7", "may", needs=SHARED)
def a_copy_of_a_duplicate_is_allowed_or_refused(t: Toolkit) -> None:
    """The server MAY forbid two Email objects with identical message content [RFC5322], or even just with the same
    Message-ID [RFC5322], to coexist within an account; if the target account already has the Email, the copy will be
    rejected with a standard "alreadyExists" error.

    Mail is lost, or comes twice without a word.
    """
    email = t.email()
    copied(t, email)
    answer = copied(t, email)[0][1]
    assert isinstance(answer, dict)
    if not answer.get("created"):
        check.set_error(answer, "notCreated", "k", "alreadyExists")


@case("4.7", "must", needs=SHARED)
def a_copy_takes_keywords_and_date_along(t: Toolkit) -> None:
    """It MUST set a new "mailboxIds" property, since the current value will not be valid Mailbox ids in the destination
    account:

    A copy is unread, or sorted as if it came today.
    """
    _, shared, box = two(t)
    email = t.email(keywords={"$seen": True, "x": True}, receivedAt="2001-01-01T01:01:01Z")
    answer = copied(t, email)[0][1]
    assert isinstance(answer, dict)
    made = answer["created"]["k"]["id"]
    found = t.call("Email/get", accountId=shared, ids=[made], properties=["keywords", "receivedAt", "mailboxIds"])[
        "list"
    ][0]

    check.same(
        [found["keywords"], found["receivedAt"]],
        [{"$seen": True, "x": True}, "2001-01-01T01:01:01Z"],
        "keywords and receivedAt",
    )
    check.same(found["mailboxIds"], {box: True}, "mailboxIds")


@case("4.10", "must", needs=SHARED)
def a_copy_without_mailboxes_is_refused(t: Toolkit) -> None:
    """It MUST set a new "mailboxIds" property, since the current value will not be valid Mailbox ids in the destination
    account:

    Mail is there that nobody finds.
    """
    own, shared, _ = two(t)
    create = {"k": {"id": t.email()}}
    name, answer, _ = t.calls(("Email/copy", {"fromAccountId": own, "accountId": shared, "create": create}))[0]
    if name == "error":
        check.same(answer["type"], "invalidArguments", "the type of the error")
    else:
        check.set_error(answer, "notCreated", "k", "invalidProperties")


@case("4.8", "may")
def a_broken_message_is_mended_or_refused(t: Toolkit) -> None:
    """If the blob referenced is not a valid message [RFC5322], the server MAY modify the message to fix errors (such as
    removing NUL octets or fixing invalid headers).

    A broken message stops an import.
    """
    _broken(t)


@case("4.8", "may")
def what_is_no_message_is_an_invalid_email(t: Toolkit) -> None:
    """Alternatively, the server MAY reject the import with an "invalidEmail" SetError.

    Clients cannot tell a broken message from a wrong argument.
    """
    _broken(t)


def _broken(t: Toolkit) -> None:
    for source in (
        b"\0\0\0",
        b"no header at all",
        b"Subject: \0nul\r\n\r\nx\0y\r\n",
        b"\xff\xfe\r\n\r\n",
        b":\r\n\r\n",
    ):
        answer = imported(t, blobId=t.jmap.upload(source, "message/rfc822"))
        made = (answer.get("created") or {}).get("e")
        if made is None:
            check.set_error(answer, "notCreated", "e", "invalidEmail")
        else:
            check.that(t.jmap.content(made["blobId"]) is not None, "the message cannot be downloaded")


@case("4.8", "must")
def a_message_that_was_mended_is_another_blob(t: Toolkit) -> None:
    """If it does this, the "blobId" on the response MUST represent the new representation and therefore be different to
    the "blobId" on the EmailImport object.

    What is downloaded is not what was uploaded.
    """
    source = f"Subject: {unique()} \0nul\r\n\r\nbody\r\n".encode()
    blob = t.jmap.upload(source, "message/rfc822")
    made = (imported(t, blobId=blob).get("created") or {}).get("e")
    check.applies(made, "the server refuses broken messages")
    assert made is not None
    content = t.jmap.content(made["blobId"])

    if content != source:
        check.that(made["blobId"] != blob, "the blobId is the same, the octets are not")
    check.same(len(content), made["size"], "size")


@case("4.9", "must")
def parsing_gives_the_same_view_as_importing(t: Toolkit) -> None:
    """This method allows you to parse blobs as messages [RFC5322] to get Email objects.

    Attached messages look different from received ones.
    """
    source = t.message("Grüße")
    names = ["subject", "from", "to", "messageId", "sentAt", "size", "hasAttachment", "preview", "header:Subject"]
    left = parsed(t, source, properties=names)
    right = t.get("Email", t.email(source=source), *names)
    right.pop("id", None)

    check.same(left, right, "the parsed view")


@case("4.9", "must")
def metadata_of_what_is_only_parsed_is_null(t: Toolkit) -> None:
    """The following metadata properties on the Email objects will be null if requested:

    Clients take a parsed message for one in the store.
    """
    record = parsed(t, t.message(), properties=["id", "mailboxIds", "keywords", "receivedAt"])

    check.same(record, {"id": None, "mailboxIds": None, "keywords": None, "receivedAt": None}, "the metadata")


@case("4.9", "may")
def a_thread_of_what_is_only_parsed_is_an_id_or_null(t: Toolkit) -> None:
    """The "threadId" property of the Email MAY be present if the server can calculate which Thread the Email would be
    assigned to were it to be imported.

    Clients cannot read the response.
    """
    record = parsed(t, t.message(), properties=["threadId", "subject"])
    if record.get("threadId") is not None:
        check.is_id(record["threadId"], "threadId")


@case("4.9", "must")
def what_cannot_be_parsed_is_told(t: Toolkit) -> None:
    """A list of ids given that corresponded to blobs that could not be parsed as Emails, or null if none. ... A list of
    blob ids given that could not be found, or null if none.

    Clients wait for a message that is gone.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    answer = t.call("Email/parse", blobIds=[blob, "no-such-blob"])

    check.same(answer.get("notFound"), ["no-such-blob"], "notFound")
    check.same_set(answer.get("parsed") or {}, [blob], "parsed")
    check.one_of(answer.get("notParsable") or None, (None,), "notParsable")


@case("4.9", "must")
def parsed_body_values_are_cut_to_the_octets_asked_for(t: Toolkit) -> None:
    """If greater than zero, the "value" property of any EmailBodyValue object returned in "bodyValues" MUST be
    truncated
    if necessary so it does not exceed this number of octets in size.

    Small clients run out of room.
    """
    source = t.message(body="☃" * 50 + "\r\n")
    for most in (1, 4, 7, 100):
        values = parsed(t, source, properties=["bodyValues"], fetchAllBodyValues=True, maxBodyValueBytes=most)[
            "bodyValues"
        ]
        for each in values.values():
            check.that(
                len(each["value"].encode()) <= most, f"{len(each['value'].encode())} octets where {most} were asked for"
            )
            check.same(each["isTruncated"], True, "isTruncated")


@case("4.9", "must")
def parsed_body_values_are_cut_between_characters(t: Toolkit) -> None:
    """The server MUST ensure the truncation results in valid UTF-8 and does not occur mid-codepoint.

    Clients show a question mark, or fail to read the response.
    """
    source = t.message(body="a☃😀é" * 5 + "\r\n")
    for most in range(1, 25):
        values = parsed(t, source, properties=["bodyValues"], fetchAllBodyValues=True, maxBodyValueBytes=most)[
            "bodyValues"
        ]
        for each in values.values():
            check.that(("a☃😀é" * 5).startswith(each["value"]), f"a character is broken at {most}")


@case("4.9", "should")
def parsed_html_is_not_cut_inside_a_tag(t: Toolkit) -> None:
    """If the part is of type "text/html", the server SHOULD NOT truncate inside an HTML tag, e.g., in the middle of "<a
    href="https://example.com">".

    Clients show half of a tag as text.
    """
    source = t.message(body='<p>x<a href="https://example.com">y</a></p>\r\n', Content_Type="text/html; charset=utf-8")
    for most in range(1, 40):
        values = parsed(t, source, properties=["bodyValues"], fetchAllBodyValues=True, maxBodyValueBytes=most)[
            "bodyValues"
        ]
        for each in values.values():
            check.that(each["value"].rfind("<") <= each["value"].rfind(">"), f"cut inside a tag: {each['value']!r}")


@case("4.9", "must")
def forbidden_forms_are_refused_in_parsing(t: Toolkit) -> None:
    """Attempting to fetch a form that is forbidden (e.g., "header:From:asDate") MUST result in the method call being
    rejected with an "invalidArguments" error.

    Mistakes of clients stay hidden.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    for form in ("From:asDate", "Subject:asAddresses", "Date:asText"):
        t.error("Email/parse", "invalidArguments", blobIds=[blob], properties=[f"header:{form}"])


@case("4.9", "must")
def header_properties_keep_their_capitals_in_parsing(t: Toolkit) -> None:
    """Where a specific header field is requested as a property, the capitalization of the property name in the response
    MUST be identical to that used in the request.

    Clients do not find what they asked for.
    """
    names = ["header:SUBJECT", "header:subject:asText"]

    check.same_set(parsed(t, t.message(), properties=names), names, "properties")


@case("4.9", "must")
def attached_messages_are_parsed_by_their_part(t: Toolkit) -> None:
    """This method allows you to parse blobs as messages [RFC5322] to get Email objects.

    Forwarded messages cannot be opened.
    """
    inner = t.message("inner subject")
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nsee\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        + inner.decode()
        + "\r\n--b--\r\n"
    )
    outer = t.message("outer", body=body, Content_Type='multipart/mixed; boundary="b"')
    part = t.get("Email", t.email(source=outer), "attachments")["attachments"][0]
    check.same(part["type"], "message/rfc822", "the type of the attachment")
    answer = t.call("Email/parse", blobIds=[part["blobId"]], properties=["subject"])

    check.same((answer.get("parsed") or {}).get(part["blobId"]), {"subject": "inner subject"}, "parsed")


@case("4.8", "must")
def an_import_may_go_into_several_mailboxes(t: Toolkit) -> None:
    """If the "blobId", "mailboxIds", or "keywords" properties are invalid (e.g., missing, wrong type, id not
    found), the
    server MUST reject the import with an "invalidProperties" SetError.

    One bad item stops a whole import.
    """
    one, two_ = t.mailboxes({}, {})
    blobs = [t.jmap.upload(t.message(), "message/rfc822") for _ in range(2)]
    emails = {
        "good": {"blobId": blobs[0], "mailboxIds": {one: True, two_: True}},
        "bad": {"blobId": blobs[1], "mailboxIds": {one: True, "no-such": True}},
    }
    answer = t.call("Email/import", emails=emails)
    check.same_set(answer.get("created") or {}, ["good"], "created")
    check.set_error(answer, "notCreated", "bad", "invalidProperties")

    check.same(
        t.get("Email", answer["created"]["good"]["id"], "mailboxIds")["mailboxIds"],
        {one: True, two_: True},
        "mailboxIds",
    )
