"""Creating drafts with Email/set (RFC 8621 §4.6)."""

import re
from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/email-create", 8621, MAIL)

Made = tuple[str, bytes]


def draft(t: Toolkit, **properties: Any) -> str:
    """The id of a new email."""
    create = {"mailboxIds": {t.mailbox(): True}, "keywords": {"$draft": True}, **properties}
    answer = t.call("Email/set", create={"d": create})
    check.has(answer.get("created") or {}, ["d"], f"created in {check.show(answer)}")
    return str(answer["created"]["d"]["id"])


def source(t: Toolkit, email: str) -> bytes:
    """The octets of an email."""
    return t.jmap.content(t.get("Email", email, "blobId")["blobId"])


def field(octets: bytes, name: str) -> list[str]:
    """The values of a header field in a message, unfolded."""
    head = re.sub(rb"\r\n[ \t]", b" ", octets.partition(b"\r\n\r\n")[0])
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    return [value.decode("utf-8", "replace").strip() for key, _, value in lines if key.lower() == name.lower().encode()]


def refused_or_mended(t: Toolkit, **properties: Any) -> None:
    """A draft against the rules is refused as invalid; a server that mends it instead makes the case not applicable."""
    create = {"mailboxIds": {t.mailbox(): True}, **properties}
    answer = t.call("Email/set", create={"d": create})
    if (answer.get("created") or {}).get("d"):
        raise NotApplicable("the server chose to modify the Email, as RFC 8621 §4.6 lets it")
    check.set_error(answer, "notCreated", "d", "invalidProperties")


def text(value: str) -> dict[str, Any]:
    """A plain body."""
    return {"textBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": value}}}


@case("4.6", "must")
def a_draft_holds_what_was_given(t: Toolkit) -> None:
    """The "Email/set" method encompasses:

    Drafts lose what was written.
    """
    given = {
        "subject": "Grüße ☃ and a rather long subject that has to be folded somewhere because it does not fit a line",
        "from": [{"name": "Jöhn, Doe", "email": "john@example.com"}],
        "to": [{"name": None, "email": "a@example.com"}, {"name": 'quo"te', "email": "b@example.com"}],
        "cc": [{"name": "C (D)", "email": "c@example.com"}],
        "bcc": [{"name": None, "email": "d@example.com"}],
        "replyTo": [{"name": None, "email": "r@example.com"}],
        "sender": [{"name": "S", "email": "s@example.com"}],
        "messageId": [f"{unique()}@example.com"],
        "inReplyTo": ["one@example.com"],
        "references": ["zero@example.com", "one@example.com"],
        "sentAt": "2024-02-03T04:05:06+07:00",
        "receivedAt": "2024-02-03T04:05:06Z",
    }
    email = draft(t, **given, **text("Hello\nwörld ☃\n\nFrom here\n.\n"))
    record = t.get("Email", email, *given, "keywords")

    for name, value in given.items():
        check.same(record[name], value, name)
    check.same(record["keywords"], {"$draft": True}, "keywords")


@case("4.6", "must")
def a_body_comes_back_as_it_was(t: Toolkit) -> None:
    """If a partId is given, this partId MUST be present in the "bodyValues" property.

    Drafts lose what was written.
    """
    for value in (
        "plain",
        "two\nlines\n",
        "ünïcode ☃ 😀",
        "long " * 500,
        ".\n..\nFrom x\n",
        "tab\tand  spaces  \nend",
        "",
    ):
        email = draft(t, **text(value))
        record = t.get("Email", email, "textBody", "bodyValues", fetchTextBodyValues=True)
        check.same(record["bodyValues"][record["textBody"][0]["partId"]]["value"], value, "the value")


@case("4.6", "must")
def a_text_and_an_html_body_are_alternatives(t: Toolkit) -> None:
    """If given, textBody MUST contain exactly one body part and it MUST be of type "text/plain".

    Recipients see the message twice, or only one form of it.
    """
    bodies = {
        "textBody": [{"partId": "t", "type": "text/plain"}],
        "htmlBody": [{"partId": "h", "type": "text/html"}],
        "bodyValues": {"t": {"value": "plain"}, "h": {"value": "<b>html</b>"}},
    }
    record = t.get(
        "Email", draft(t, **bodies), "textBody", "htmlBody", "attachments", "bodyValues", fetchAllBodyValues=True
    )
    values = record["bodyValues"]

    check.same([values[part["partId"]]["value"] for part in record["textBody"]], ["plain"], "the text")
    check.same([values[part["partId"]]["value"] for part in record["htmlBody"]], ["<b>html</b>"], "the HTML")
    check.same(record["attachments"], [], "attachments")


@case("4.6", "must")
def attachments_keep_their_octets_type_and_name(t: Toolkit) -> None:
    """For successfully created Email objects, the "created" response contains the "id", "blobId", "threadId", and
    "size" properties of the object.

    Files arrive damaged.
    """
    data = bytes(range(256)) * 30
    part = {
        "blobId": t.jmap.upload(data),
        "type": "application/x-stuff",
        "name": "grüße ☃ file.bin",
        "disposition": "attachment",
        "cid": "x@y",
    }
    answer = t.call(
        "Email/set", create={"d": {"mailboxIds": {t.mailbox(): True}, "attachments": [part], **text("see file")}}
    )
    made = (answer.get("created") or {}).get("d") or {}
    check.has(made, ("id", "blobId", "threadId", "size"), "created")
    record = t.get("Email", made["id"], "attachments", "hasAttachment", "size", "blobId", "threadId")
    (found,) = record["attachments"]

    for name in ("type", "name", "disposition", "cid"):
        check.same(found[name], part[name], name)
    check.same(found["size"], len(data), "size")
    check.that(t.jmap.content(found["blobId"]) == data, "other octets came back")
    check.same(record["hasAttachment"], True, "hasAttachment")
    check.same(
        [record[name] for name in ("size", "blobId", "threadId")],
        [made[name] for name in ("size", "blobId", "threadId")],
        "what was told",
    )


@case("4.6", "must")
def a_structure_is_made_as_given(t: Toolkit) -> None:
    """If a "bodyStructure" property is given, there MUST NOT be "textBody", "htmlBody", or "attachments" properties.

    Clients cannot make signed or calendar messages.
    """
    structure = {
        "type": "multipart/mixed",
        "subParts": [
            {
                "type": "multipart/alternative",
                "subParts": [{"partId": "a", "type": "text/plain"}, {"partId": "b", "type": "text/html"}],
            },
            {
                "partId": "c",
                "type": "text/plain",
                "disposition": "attachment",
                "name": "n.txt",
                "header:X-Part": " yes",
            },
        ],
    }
    values = {key: {"value": f"value {key}"} for key in "abc"}
    email = draft(t, bodyStructure=structure, bodyValues=values)
    record = t.get(
        "Email", email, "bodyStructure", bodyProperties=["type", "subParts", "name", "header:X-Part", "disposition"]
    )
    mixed = record["bodyStructure"]

    check.same(
        [mixed["type"], [each["type"] for each in mixed["subParts"]]],
        ["multipart/mixed", ["multipart/alternative", "text/plain"]],
        "types",
    )
    check.same([each["type"] for each in mixed["subParts"][0]["subParts"]], ["text/plain", "text/html"], "inner types")
    last = mixed["subParts"][1]
    check.same(
        [last["name"], last["disposition"], last["header:X-Part"]], ["n.txt", "attachment", " yes"], "the attachment"
    )


@case("4.6", "must")
def headers_may_be_given_by_name_and_form(t: Toolkit) -> None:
    """To ensure that the message [RFC5322] to create is unambiguous, the following constraints apply to Email objects
    submitted for creation:

    Clients cannot set a field that JMAP has no property for.
    """
    given = {
        "header:X-Text:asText": "Grüße",
        "header:X-Raw": " raw value",
        "header:X-Many:all": [" one", " two"],
        "header:X-Addresses:asAddresses": [{"name": "Ä", "email": "a@example.com"}],
        "header:X-Ids:asMessageIds": ["a@b", "c@d"],
        "header:X-Date:asDate": "2024-02-03T04:05:06+01:00",
        "header:List-Post:asURLs": ["mailto:list@example.com"],
        "header:X-Groups:asGroupedAddresses": [{"name": "G", "addresses": [{"name": None, "email": "g@example.com"}]}],
    }
    record = t.get("Email", draft(t, **given, **text("x")), *given)

    for name, value in given.items():
        check.same(record[name], value, name)


@case("4.6", "must")
def message_id_and_date_are_made(t: Toolkit) -> None:
    """If not included, the server MUST generate and set a Message-ID header field in conformance with [RFC5322],
    Section
    3.6.4 and a Date header field in conformance with Section 3.6.1.

    Replies cannot be joined with what they reply to.
    """
    email = draft(t, subject="x", **text("x"))
    record = t.get("Email", email, "messageId", "sentAt")

    check.that(
        isinstance(record["messageId"], list) and len(record["messageId"]) == 1,
        f"messageId is {check.show(record['messageId'])}",
    )
    check.that("@" in record["messageId"][0], f"messageId is {record['messageId'][0]}")
    check.that(check.DATE.match(str(record["sentAt"])), f"sentAt is {record['sentAt']}")


@case("4.6", "may")
def further_headers_do_not_hide_given_ones(t: Toolkit) -> None:
    """The server MAY also choose to set additional headers.

    What a client set is there twice.
    """
    octets = source(t, draft(t, subject="only", to=[{"email": "a@example.com"}], **text("x")))

    for name in ("Subject", "To", "Date", "Message-ID", "MIME-Version", "Content-Type"):
        check.that(len(field(octets, name)) <= 1, f"{name} stands in the message more than once")
    check.same(field(octets, "Subject"), ["only"], "Subject")


@case("4.6", "must")
def what_is_made_is_a_message(t: Toolkit) -> None:
    """Creation attempts that violate any of this SHOULD be rejected with an "invalidProperties" error;

    Other servers refuse the message.
    """
    octets = source(
        t, draft(t, subject="ü" * 200, to=[{"name": "ü" * 90, "email": "a@example.com"}] * 20, **text("x" * 3000))
    )

    check.that(
        b"\n" not in octets.replace(b"\r\n", b"") and b"\r" not in octets.replace(b"\r\n", b""),
        "a line ends in a bare CR or LF",
    )
    longest = max(len(line) for line in octets.split(b"\r\n"))
    check.that(longest <= 998, f"a line has {longest} octets")
    check.that(b"\0" not in octets, "the message holds a NUL")


@case("4.6", "must")
def line_breaks_in_headers_make_no_fields(t: Toolkit) -> None:
    """Creation attempts that violate any of this SHOULD be rejected with an "invalidProperties" error;

    A subject smuggles in recipients.
    """
    for value in ("a\r\nBcc: evil@example.com", "a\nX-Evil: 1", "a\rX-Evil: 1"):
        for properties in (
            {"subject": value},
            {"header:X-Raw": f" {value}"},
            {"to": [{"name": value, "email": "a@example.com"}]},
            {"to": [{"name": None, "email": f"a@example.com{value[1:]}"}]},
            {"attachments": [{"blobId": t.jmap.upload(b"x"), "type": "text/plain", "name": value}]},
        ):
            answer = t.call("Email/set", create={"d": {"mailboxIds": {t.mailbox(): True}, **properties}})
            made = (answer.get("created") or {}).get("d")
            if made is None:
                check.set_error(answer, "notCreated", "d")
                continue
            octets = t.jmap.content(made["blobId"])
            check.same(field(octets, "Bcc") + field(octets, "X-Evil"), [], f"fields made by {check.show(properties)}")


def rule(number: int, name: str, sentence: str, failure: str, *drafts: dict[str, Any]) -> None:
    """A case for one of the constraints on creation: each draft is refused, or mended."""

    def function(t: Toolkit) -> None:
        for properties in drafts:
            refused_or_mended(t, **properties)

    function.__name__, function.__doc__ = name, f"{sentence}\n\n{failure}"
    case("4.6", "must" if number else "should")(function)


PLAIN = text("x")
WRONG_FORM = {"header:From:asDate": "2024-01-01T00:00:00Z", **PLAIN}
ALTERNATIVE: dict[str, Any] = {"type": "text/plain", "partId": "t"}

rule(
    1,
    "the_headers_property_is_refused",
    'The "headers" property MUST NOT be given on either the top-level Email or an EmailBodyPart',
    "Servers differ in what becomes of it.",
    {"headers": [{"name": "X", "value": "y"}], **PLAIN},
    {**PLAIN, "textBody": [{**ALTERNATIVE, "headers": [{"name": "X", "value": "y"}]}]},
)
rule(
    2,
    "one_field_is_not_given_twice",
    'There MUST NOT be two properties that represent the same header field (e.g., "header:from" and "from") within the'
    " Email or particular EmailBodyPart.",
    "Servers differ in which of the two they take.",
    {"subject": "a", "header:Subject": " b", **PLAIN},
    {"header:X-A": " a", "header:x-a:asText": "b", **PLAIN},
    {"from": [{"email": "a@b.c"}], "header:from:asAddresses": [{"email": "d@e.f"}], **PLAIN},
)
rule(
    3,
    "forbidden_forms_are_refused",
    "Header fields MUST NOT be specified in parsed forms that are forbidden for that particular field.",
    "A message is made that no server can read.",
    WRONG_FORM,
    {"header:Subject:asAddresses": [{"email": "a@b.c"}], **PLAIN},
)
rule(
    4,
    "content_fields_of_the_message_are_refused",
    'Header fields beginning with "Content-" MUST NOT be specified on the Email object, only on EmailBodyPart objects.',
    "The body is read as something that it is not.",
    {"header:Content-Type": " text/html", **PLAIN},
    {"header:content-language:asText": "en", **PLAIN},
)
rule(
    5,
    "a_structure_excludes_bodies",
    'If a "bodyStructure" property is given, there MUST NOT be "textBody", "htmlBody", or "attachments" properties.',
    "Servers differ in which of the two they take.",
    {"bodyStructure": ALTERNATIVE, **PLAIN},
    {"bodyStructure": ALTERNATIVE, "bodyValues": {"t": {"value": "x"}}, "attachments": []},
)
rule(
    6,
    "a_structure_does_not_repeat_fields",
    'If given, the "bodyStructure" EmailBodyPart MUST NOT contain a property representing a header field that is'
    " already defined on the top-level Email object.",
    "A field stands in the message twice.",
    {"subject": "a", "bodyStructure": {**ALTERNATIVE, "header:Subject": " b"}, "bodyValues": {"t": {"value": "x"}}},
)
rule(
    7,
    "a_text_body_is_one_plain_part",
    'If given, textBody MUST contain exactly one body part and it MUST be of type "text/plain".',
    "Servers differ in what becomes of the others.",
    {"textBody": [], "bodyValues": {}},
    {"textBody": [{"partId": "t", "type": "text/html"}], "bodyValues": {"t": {"value": "x"}}},
    {
        "textBody": [ALTERNATIVE, {"partId": "u", "type": "text/plain"}],
        "bodyValues": {"t": {"value": "x"}, "u": {"value": "y"}},
    },
)
rule(
    8,
    "an_html_body_is_one_html_part",
    'If given, htmlBody MUST contain exactly one body part and it MUST be of type "text/html".',
    "Servers differ in what becomes of the others.",
    {"htmlBody": [], "bodyValues": {}},
    {"htmlBody": [{"partId": "t", "type": "text/plain"}], "bodyValues": {"t": {"value": "x"}}},
)
rule(
    9,
    "a_part_id_has_its_value",
    'If a partId is given, this partId MUST be present in the "bodyValues" property.',
    "A draft is stored without its text.",
    {"textBody": [ALTERNATIVE], "bodyValues": {}},
    {"textBody": [ALTERNATIVE]},
)
rule(
    10,
    "a_part_with_a_value_has_no_charset",
    'The "charset" property MUST be omitted if a partId is given',
    "Text is written in one encoding and read in another.",
    {"textBody": [{**ALTERNATIVE, "charset": "iso-8859-1"}], "bodyValues": {"t": {"value": "x"}}},
)
rule(
    11,
    "a_part_with_a_value_has_no_size",
    'The "size" property MUST be omitted if a partId is given.',
    "Clients believe in a size that is not that of the part.",
    {"textBody": [{**ALTERNATIVE, "size": 5}], "bodyValues": {"t": {"value": "x"}}},
)
rule(
    12,
    "a_transfer_encoding_is_refused",
    "A Content-Transfer-Encoding header field MUST NOT be given.",
    "The body is decoded as something that it is not.",
    {"textBody": [{**ALTERNATIVE, "header:Content-Transfer-Encoding": " base64"}], "bodyValues": {"t": {"value": "x"}}},
)
rule(
    13,
    "values_are_whole_and_sound",
    "Within an EmailBodyValue object, isEncodingProblem and isTruncated MUST be either false or omitted.",
    "Half of a message is stored as if it were whole.",
    {"textBody": [ALTERNATIVE], "bodyValues": {"t": {"value": "x", "isTruncated": True}}},
    {"textBody": [ALTERNATIVE], "bodyValues": {"t": {"value": "x", "isEncodingProblem": True}}},
)
rule(
    0,
    "a_part_has_a_part_id_or_a_blob_id",
    'Creation attempts that violate any of this SHOULD be rejected with an "invalidProperties" error;',
    "Servers differ in which of the two they take.",
    {"textBody": [{**ALTERNATIVE, "blobId": "x"}], "bodyValues": {"t": {"value": "x"}}},
)


@case("4.6", "must")
def blobs_that_are_not_found_are_named(t: Toolkit) -> None:
    """An extra "notFound" property of type "Id[]" MUST be included in the SetError object containing every "blobId"
    referenced by an EmailBodyPart that could not be found on the server.

    Clients cannot tell which file has to be uploaded again.
    """
    good = t.jmap.upload(b"x")
    parts = [{"blobId": each, "type": "text/plain"} for each in ("no-such-1", good, "no-such-2")]
    answer = t.call("Email/set", create={"d": {"mailboxIds": {t.mailbox(): True}, "attachments": parts, **PLAIN}})
    error = check.set_error(answer, "notCreated", "d", "blobNotFound")

    check.same_set(error.get("notFound"), ["no-such-1", "no-such-2"], "notFound")


@case("4.6", "must")
def only_keywords_and_mailboxes_change(t: Toolkit) -> None:
    """Changing the keywords of an Email (e.g., unread/flagged status)

    Clients believe that they have edited a message.
    """
    box, other = t.mailboxes({}, {})
    email = t.email(box)
    t.update("Email", email, keywords={"$seen": True}, mailboxIds={other: True})
    record = t.get("Email", email, "keywords", "mailboxIds")
    check.same([record["keywords"], record["mailboxIds"]], [{"$seen": True}, {other: True}], "keywords and mailboxIds")
    answer = t.call("Email/set", update={email: {"subject": "other", "keywords/x": True}})

    check.set_error(answer, "notUpdated", email, "invalidProperties")
    check.same(t.get("Email", email, "keywords")["keywords"], {"$seen": True}, "keywords")


@case("4.6", "must")
def unknown_mailboxes_are_refused(t: Toolkit) -> None:
    """Adding/removing an Email to/from Mailboxes (moving a message)

    Mail is filed where nobody finds it.
    """
    email = t.email()
    answer = t.call(
        "Email/set",
        update={email: {"mailboxIds/no-such": True}},
        create={"d": {"mailboxIds": {"no-such": True}, **PLAIN}},
    )

    check.set_error(answer, "notUpdated", email, "invalidProperties")
    check.set_error(answer, "notCreated", "d", "invalidProperties")


@case("4.6", "must")
def a_destroyed_email_is_gone_from_all_mailboxes(t: Toolkit) -> None:
    """Destroying an Email removes it from all Mailboxes to which it belonged.

    Mail that was destroyed comes back.
    """
    one, two = t.mailboxes({}, {})
    email = t.email(one)
    t.update("Email", email, mailboxIds={one: True, two: True})
    t.destroy("Email", email)

    check.same([t.query("Email", filter={"inMailbox": box}) for box in (one, two)], [[], []], "what is left")
    check.same(t.call("Email/get", ids=[email])["notFound"], [email], "notFound")


@case("4.6", "must")
def too_many_mailboxes_or_keywords_have_their_errors(t: Toolkit) -> None:
    """ "tooManyKeywords": The change to the Email's keywords would exceed a server-defined maximum.

    Clients cannot tell what to do less of.
    """
    email = t.email()
    answer = t.call("Email/set", update={email: {"keywords": {f"k{n}": True for n in range(5000)}}})
    if email not in (answer.get("updated") or {}):
        check.set_error(answer, "notUpdated", email, "tooManyKeywords")
    most = t.session["accounts"][t.account]["accountCapabilities"][MAIL].get("maxMailboxesPerEmail")
    if isinstance(most, int) and most < 50:
        boxes = t.mailboxes(*({} for _ in range(most + 1)))
        answer = t.call("Email/set", update={email: {"mailboxIds": dict.fromkeys(boxes, True)}})
        check.set_error(answer, "notUpdated", email, "tooManyMailboxes")
        t.update("Email", email, mailboxIds=dict.fromkeys(boxes[:-1], True))


@case("1.3.1", "may")
def attachments_up_to_the_limit_or_a_reason(t: Toolkit) -> None:
    """A server MAY still reject the import or creation of an Email with a lower attachment size total (for example, if
    the body includes several megabytes of text, causing the size of the encoded MIME structure to be over some
    server-defined limit).

    Clients do not learn why a draft cannot be saved.
    """
    data = b"x" * 1_000_000
    part = {"blobId": t.jmap.upload(data), "type": "text/plain", "disposition": "attachment"}
    answer = t.call("Email/set", create={"d": {"mailboxIds": {t.mailbox(): True}, "attachments": [part], **PLAIN}})
    if not answer.get("created"):
        check.set_error(answer, "notCreated", "d", "tooLarge", "overQuota")
