"""The Email object and Email/get, /changes (RFC 8621 §4.1 to §4.3)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/email", 8621, MAIL)

DEFAULT = (
    "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "messageId", "inReplyTo", "references",
    "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues",
    "textBody", "htmlBody", "attachments",
)  # fmt: skip
PART = ("partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location")
TWO_BODIES = "\r\n".join(
    (
        "--b",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "pläin tëxt ☃☃☃ to the end",
        "--b",
        "Content-Type: text/html; charset=utf-8",
        "",
        '<p>hello <a href="https://example.com/a/long/address">link</a> ☃ and more</p>',
        "--b--",
        "",
    )
)


def two_bodies(t: Toolkit) -> str:
    """An email with a plain and an HTML body."""
    headers = {"Content_Type": 'multipart/alternative; boundary="b"', "Content_Transfer_Encoding": "8bit"}
    return t.email(source=t.message(body=TWO_BODIES, **headers))


@case("4.2", "must")
def the_default_properties_are_those_of_the_rfc(t: Toolkit) -> None:
    """If the standard "properties" argument is omitted or null, the following default MUST be used instead of "all"
    properties:

    Clients lack what they need, or get far too much.
    """
    email = t.email()

    for arguments in ({}, {"properties": None}):
        (record,) = t.call("Email/get", ids=[email], **arguments)["list"]
        check.same_set(record, DEFAULT, "properties")
        check.same(record["bodyValues"], {}, "bodyValues")


@case("4.2", "must")
def parts_have_the_default_properties(t: Toolkit) -> None:
    """A list of properties to fetch for each EmailBodyPart returned.

    Clients lack what they need.
    """
    record = t.get("Email", t.email())
    check.same_set(record["textBody"][0], PART, "the properties of a part")
    record = t.get(
        "Email", record["id"], "textBody", "bodyStructure", bodyProperties=["type", "header:content-type", "headers"]
    )

    check.same_set(record["textBody"][0], ["type", "header:content-type", "headers"], "the properties asked for")
    check.has(record["bodyStructure"], ["type", "header:content-type", "headers"], "the structure")


@case("4.1.1", "must")
def an_email_is_in_a_mailbox_at_least(t: Toolkit) -> None:
    """An Email in the mail store MUST belong to one or more Mailboxes at all times (until it is destroyed).

    Mail is there that nobody finds.
    """
    box = t.mailbox()
    email = t.email(box)
    for patch in ({"mailboxIds": {}}, {f"mailboxIds/{box}": None}):
        answer = t.call("Email/set", update={email: patch})
        check.set_error(answer, "notUpdated", email, "invalidProperties")

    check.same(t.get("Email", email, "mailboxIds")["mailboxIds"], {box: True}, "mailboxIds")


@case("2", "must")
def a_new_email_needs_a_mailbox(t: Toolkit) -> None:
    """For compatibility with IMAP, an Email MUST belong to one or more Mailboxes.

    Mail is there that nobody finds.
    """
    answer = t.call("Email/set", create={"a": {"subject": "x"}, "b": {"subject": "x", "mailboxIds": {}}})

    for key in ("a", "b"):
        check.set_error(answer, "notCreated", key, "invalidProperties")


@case("4.1.1", "must")
def the_values_of_sets_are_true(t: Toolkit) -> None:
    """The value for each key in the object MUST be true.

    Clients take a keyword that is false for one that is set.
    """
    box, other = t.mailboxes({}, {})
    email = t.email(box, keywords={"$seen": True, "x": True})
    record = t.get("Email", email, "keywords", "mailboxIds")
    check.same([record["keywords"], record["mailboxIds"]], [{"$seen": True, "x": True}, {box: True}], "the sets")
    for patch in ({"keywords": {"a": False}}, {"keywords": {"a": 1}}, {"mailboxIds": {box: True, other: False}}):
        answer = t.call("Email/set", update={email: patch})
        check.set_error(answer, "notUpdated", email, "invalidProperties")


@case("8620 5.7", "must")
def the_values_of_sets_in_requests_are_true(t: Toolkit) -> None:
    """The value for each key in the object MUST be true.

    Clients take a keyword that is false for one that is set.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    about = {"blobId": blob, "mailboxIds": {t.mailbox(): True}, "keywords": {"a": "yes"}}
    answer = t.call("Email/import", emails={"e": about})

    check.set_error(answer, "notCreated", "e", "invalidProperties")


@case("4.1.1", "must")
def keywords_are_told_in_lower_case(t: Toolkit) -> None:
    """Because JSON is case sensitive, servers MUST return keywords in lowercase.

    Clients do not see that a message is read.
    """
    email = t.email(keywords={"$Seen": True, "MixedCase": True})
    check.same(t.get("Email", email, "keywords")["keywords"], {"$seen": True, "mixedcase": True}, "keywords")
    t.patch("Email", email, {"keywords/$FLAGGED": True, "keywords/MIXEDcase": None})

    check.same(t.get("Email", email, "keywords")["keywords"], {"$seen": True, "$flagged": True}, "keywords")


@case("4.1.1", "must")
def keywords_are_of_the_alphabet(t: Toolkit) -> None:
    """For compatibility with IMAP, a keyword is a case-insensitive string of 1-255 characters in the ASCII subset
    %x21-%x7e (excludes control chars and space), and it MUST NOT include any of these characters:

    Mail cannot be read over IMAP any more.
    """
    email = t.email()
    allowed = {"x" * 255, "$a", "a/b", "~", "!#$&'+,-.:;<=>?@^_`|}", "1"}
    t.update("Email", email, keywords=dict.fromkeys(allowed, True))
    check.same_set(t.get("Email", email, "keywords")["keywords"], allowed, "keywords")
    for bad in ("", "x" * 256, "a b", "ü", "a(b", "a)b", "a{b", "a]b", "a%b", "a*b", 'a"b', "a\\b", "a\x7f", "a\tb"):
        answer = t.call("Email/set", update={email: {"keywords": {bad: True}}})
        check.set_error(answer, "notUpdated", email, "invalidProperties")


@case("4.1.1", "must")
def size_is_that_of_the_message(t: Toolkit) -> None:
    """The size, in octets, of the raw data for the message [RFC5322] (as referenced by the "blobId", i.e., the
    number of
    octets in the file the user would download).

    Clients cut a download, or wait for more.
    """
    source = t.message(body="ä" * 100 + "\r\n")
    record = t.get("Email", t.email(source=source), "size", "blobId")
    content = t.jmap.content(record["blobId"])

    check.same(record["size"], len(content), "size")
    check.that(content == source, "the message was changed")


@case("4.1.1", "must")
def received_at_may_be_given(t: Toolkit) -> None:
    """The date the Email was received by the message store.

    Imported mail is sorted as if it came today.
    """
    email = t.email(receivedAt="1999-12-31T23:59:59Z")

    check.same(t.get("Email", email, "receivedAt")["receivedAt"], "1999-12-31T23:59:59Z", "receivedAt")


@case("4.1.3", "must")
def header_properties_find_the_last_field_of_the_name(t: Toolkit) -> None:
    """If this suffix is not used, the result is the value of the *last* instance of the header field (i.e.,
    identical to
    the last item in the array if :all is used), or null if none.

    Clients show the wrong field.
    """
    source = b"X-A: one\r\nSubject: s\r\nx-a:  two \r\n" + t.message()
    email = t.email(source=source)
    names = (
        "header:X-A",
        "header:x-a:all",
        "header:X-None",
        "header:X-None:all",
        "header:X-A:asText",
        "header:X-A:asText:all",
    )
    record = t.get("Email", email, *names)

    check.same(record["header:X-A"], "  two ", "header:X-A")
    check.same(record["header:x-a:all"], [" one", "  two "], "header:x-a:all")
    check.same([record["header:X-None"], record["header:X-None:all"]], [None, []], "a field that is not there")
    check.one_of(record["header:X-A:asText"], ("two", "two "), "header:X-A:asText")
    check.same(len(record["header:X-A:asText:all"]), 2, "the number of values")


@case("4.1.3", "must")
def suffixes_stand_in_one_order(t: Toolkit) -> None:
    """If both suffixes are used, they MUST be specified in the order above.

    Clients come to rely on what other servers refuse.
    """
    t.error("Email/get", "invalidArguments", ids=[t.email()], properties=["header:X-A:all:asText"])


@case("4.2", "must")
def header_properties_keep_their_capitals(t: Toolkit) -> None:
    """Where a specific header field is requested as a property, the capitalization of the property name in the response
    MUST be identical to that used in the request.

    Clients do not find what they asked for.
    """
    names = ("header:SUBJECT", "header:subject:asText", "header:sUbJeCt:all")
    record = t.get("Email", t.email(), *names)

    check.has(record, names, "the email")


@case("4.2", "must")
def forms_that_are_forbidden_are_refused(t: Toolkit) -> None:
    """Attempting to fetch a form that is forbidden (e.g., "header:From:asDate") MUST result in the method call being
    rejected with an "invalidArguments" error.

    Mistakes of clients stay hidden.
    """
    email = t.email()
    forbidden = (
        "From:asDate", "From:asText", "Subject:asAddresses", "Date:asText", "Message-ID:asAddresses", "X-A:asNothing",
        "List-Post:asText", "To:asMessageIds", "Received:asAddresses", "Comments:asURLs", "References:asDate",
        "Resent-Date:asText", "Return-Path:asText", "X-A:astext",
    )  # fmt: skip
    for each in forbidden:
        t.error("Email/get", "invalidArguments", ids=[email], properties=[f"header:{each}"])
    for broken in ("header:", "header:a b", "header:a:b", "header:ü", "Header:X-A"):
        t.error("Email/get", "invalidArguments", ids=[email], properties=[broken])


@case("4.1.2", "must")
def forms_that_are_allowed_are_given(t: Toolkit) -> None:
    """To prevent obviously nonsense behaviour, which can lead to interoperability issues, this form may only be fetched
    or set for the following header fields:

    Clients cannot read a field that others can.
    """
    email = t.email()
    allowed = (
        "From:asAddresses", "Resent-To:asGroupedAddresses", "Subject:asText", "Comments:asText", "Keywords:asText",
        "List-Id:asText", "Message-ID:asMessageIds", "Resent-Message-ID:asMessageIds", "Date:asDate",
        "Resent-Date:asDate", "List-Post:asURLs", "List-Help:asURLs", "X-A:asText", "X-A:asAddresses",
        "X-A:asGroupedAddresses", "X-A:asMessageIds", "X-A:asDate", "X-A:asURLs", "From", "Received", "Return-Path",
        "DKIM-Signature:asText", "Sender:asAddresses:all",
    )  # fmt: skip
    names = [f"header:{each}" for each in allowed]

    check.has(t.get("Email", email, *names), names, "the email")


@case("4.2", "must")
def body_values_are_cut_to_the_octets_asked_for(t: Toolkit) -> None:
    """If greater than zero, the "value" property of any EmailBodyValue object returned in "bodyValues" MUST be
    truncated
    if necessary so it does not exceed this number of octets in size.

    Small clients run out of room.
    """
    email = two_bodies(t)
    whole = t.get("Email", email, "bodyValues", fetchAllBodyValues=True)["bodyValues"]
    for most in (1, 2, 3, 14, 15, 16, 17, 18, 30, 1000):
        cut = t.get("Email", email, "bodyValues", fetchAllBodyValues=True, maxBodyValueBytes=most)["bodyValues"]
        check.same_set(cut, whole, "the parts")
        for part, each in cut.items():
            check.that(
                len(each["value"].encode()) <= most, f"{len(each['value'].encode())} octets where {most} were asked for"
            )
            full = whole[part]["value"]
            check.that(full.startswith(each["value"]), "the value is no beginning of the whole")
            check.same(each["isTruncated"], each["value"] != full, f"isTruncated at {most}")


@case("4.2", "must")
def body_values_are_cut_between_characters(t: Toolkit) -> None:
    """The server MUST ensure the truncation results in valid UTF-8 and does not occur mid-codepoint.

    Clients show a question mark, or fail to read the response.
    """
    email = two_bodies(t)
    for most in range(11, 26):
        exchange_values = t.get("Email", email, "bodyValues", fetchTextBodyValues=True, maxBodyValueBytes=most)[
            "bodyValues"
        ]
        for each in exchange_values.values():
            check.that("\ufffd" not in each["value"], f"a character is broken at {most}")


@case("4.2", "should")
def html_is_not_cut_inside_a_tag(t: Toolkit) -> None:
    """If the part is of type "text/html", the server SHOULD NOT truncate inside an HTML tag, e.g., in the middle of
    "<a href="https://example.com">".

    Clients show half of a tag as text.
    """
    email = two_bodies(t)
    for most in (1, 2, 11, 20, 40, 56):
        for each in t.get("Email", email, "bodyValues", fetchHTMLBodyValues=True, maxBodyValueBytes=most)[
            "bodyValues"
        ].values():
            value = each["value"]
            check.that(value.rfind("<") <= value.rfind(">"), f"cut inside a tag: {value!r}")


@case("4.2", "must")
def body_values_are_those_asked_for(t: Toolkit) -> None:
    """If true, the "bodyValues" property includes any "text/*" part in the "textBody" property.

    Clients load twice what they need, or not enough.
    """
    email = two_bodies(t)
    record = t.get("Email", email, "textBody", "htmlBody", "bodyValues", fetchTextBodyValues=True)
    text, html = record["textBody"][0]["partId"], record["htmlBody"][0]["partId"]
    check.same_set(record["bodyValues"], [text], "with fetchTextBodyValues")
    for name, wanted in (("fetchHTMLBodyValues", [html]), ("fetchAllBodyValues", [text, html])):
        check.same_set(t.get("Email", email, "bodyValues", **{name: True})["bodyValues"], wanted, f"with {name}")

    check.same(t.get("Email", email, "bodyValues")["bodyValues"], {}, "without")


@case("4.1.4", "may")
def a_preview_may_change_but_is_text(t: Toolkit) -> None:
    """As this is derived from the message content by the server, and the algorithm for doing so could change over time,
    fetching this for an Email a second time MAY return a different result.

    Clients cannot show it.
    """
    check.is_string(t.get("Email", t.email(), "preview")["preview"], "preview")


@case("4.1.4", "must")
def a_preview_is_short(t: Toolkit) -> None:
    """This MUST NOT be more than 256 characters in length.

    Lists of mail break.
    """
    for body in ("word " * 400, "ä" * 1000, "😀" * 600, "x" * 5000):
        preview = t.get("Email", t.email(source=t.message(body=body + "\r\n")), "preview")["preview"]
        check.that(len(preview) <= 256, f"the preview has {len(preview)} characters")


@case("4.1.4", "should", alone=True)
def fetching_a_preview_is_no_change(t: Toolkit) -> None:
    """However, the previous value is not considered incorrect, and the change SHOULD NOT cause the Email object to be
    considered as changed by the server.

    Clients synchronise for ever.
    """
    email = t.email()
    before = t.state("Email")
    t.get("Email", email, "preview", "hasAttachment", "bodyStructure")

    check.same(t.state("Email"), before, "the state")


@case("4.3", "must", alone=True)
def changes_of_keywords_and_mailboxes_are_told(t: Toolkit) -> None:
    """This is a standard "/changes" method as described in [RFC8620], Section 5.2.

    Clients show mail as unread that was read.
    """
    box, other = t.mailboxes({}, {})
    flagged, moved, gone = t.emails(box, t.message(), t.message(), t.message())
    since = t.state("Email")
    t.patch("Email", flagged, {"keywords/$seen": True})
    t.update("Email", moved, mailboxIds={other: True})
    t.destroy("Email", gone)
    new = t.email(box)
    answer = t.call("Email/changes", sinceState=since)

    check.same_set(answer["updated"], [flagged, moved], "updated")
    check.same([answer["created"], answer["destroyed"]], [[new], [gone]], "created and destroyed")


@case("4.1.4", "must")
def part_ids_are_null_for_multiparts_only(t: Toolkit) -> None:
    """This is null if, and only if, the part is of type "multipart/*".

    Clients ask for a value that there is none of.
    """
    structure = t.get("Email", two_bodies(t), "bodyStructure")["bodyStructure"]
    check.same(
        [structure["partId"], structure["blobId"], structure["type"]],
        [None, None, "multipart/alternative"],
        "the multipart",
    )
    for part in structure["subParts"]:
        check.is_string(part["partId"], "partId")
        check.is_id(part["blobId"], "blobId")


@case("4.2", "must")
def many_emails_come_in_one_call(t: Toolkit) -> None:
    """This is a standard "/get" method as described in [RFC8620], Section 5.1 with the following additional request
    arguments:

    Opening a folder takes a round trip for each message.
    """
    word = unique()
    ids = t.emails(t.mailbox(), *(t.message(f"{word} {n}") for n in range(40)))
    found = t.call("Email/get", ids=ids, properties=["subject"])["list"]

    check.same_set([each["subject"] for each in found], [f"{word} {n}" for n in range(40)], "subjects")
