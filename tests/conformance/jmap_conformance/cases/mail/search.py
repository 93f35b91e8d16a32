"""Searching text, and snippets of what was found (RFC 8621 §4.4.1, §5)."""

import secrets
from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit

case = topic("mail/search", 8621, MAIL)

WAIT = 15.0
"""How long an index may lag behind."""


def word() -> str:
    """A word that stands nowhere else, of letters only."""
    return "q" + "".join(secrets.choice("bcdfghjklmnprstvwxz") for _ in range(11))


def finds(t: Toolkit, wanted: list[str], **condition: Any) -> None:
    """The condition finds the emails, as soon as the index has them."""

    def look() -> bool:
        return sorted(t.query("Email", filter=condition)) == sorted(wanted)

    t.eventually(look, f"{check.show(condition)} finds {check.show(wanted)}", WAIT)


def never_finds(t: Toolkit, email: str, known: dict[str, Any], **condition: Any) -> None:
    """The condition does not find the email, although it is in the index."""
    finds(t, [email], **known)
    check.that(email not in t.query("Email", filter=condition), f"{check.show(condition)} finds what it should not")


@case("4.4.1", "must")
def text_looks_in_the_fields_of_a_message(t: Toolkit) -> None:
    """The server MUST look up text in the From, To, Cc, Bcc, and Subject header fields of the message and SHOULD look
    inside any "text/*" or other body parts that may be converted to text by the server.

    People do not find their mail.
    """
    box = t.mailbox()
    for field in ("From", "To", "Cc", "Bcc"):
        name, local = word(), word()
        email = t.email(box, t.message(**{field: f"{name} <{local}@example.com>"}))
        finds(t, [email], text=name)
        finds(t, [email], text=local)
    subject = word()
    finds(t, [t.email(box, t.message(f"about {subject} today"))], text=subject)


@case("4.4.1", "should")
def text_looks_in_the_body(t: Toolkit) -> None:
    """The server MUST look up text in the From, To, Cc, Bcc, and Subject header fields of the message and SHOULD look
    inside any "text/*" or other body parts that may be converted to text by the server.

    People do not find their mail.
    """
    plain, html = word(), word()
    box = t.mailbox()
    finds(t, [t.email(box, t.message(body=f"before {plain} after\r\n"))], text=plain)
    source = t.message(body=f"<p>before <b>{html}</b></p>\r\n", Content_Type="text/html; charset=utf-8")
    finds(t, [t.email(box, source)], text=html)


@case("4.4.1", "may")
def each_field_has_its_own_condition(t: Toolkit) -> None:
    """The server MAY extend the search to any additional textual property.

    A search for a sender finds mail that only names them.
    """
    box = t.mailbox()
    words = {field: word() for field in ("from", "to", "cc", "bcc", "subject", "body")}
    headers = {field.capitalize(): f"{words[field]} <x@example.com>" for field in ("from", "to", "cc", "bcc")}
    email = t.email(box, t.message(words["subject"], body=words["body"] + "\r\n", **headers))
    for field, each in words.items():
        finds(t, [email], **{field: each})
    for field in words:
        other = words["subject" if field != "subject" else "body"]
        check.same(t.query("Email", filter={field: other}), [], f"{field} with a word of another field")


@case("4.4.1", "should")
def encoded_words_are_decoded_before_matching(t: Toolkit) -> None:
    """Any syntactically correct encoded sections [RFC2047] of header fields with a known encoding SHOULD be decoded
    before attempting to match text.

    People do not find mail in their own language.
    """
    each = word()
    encoded = f"=?utf-8?q?{''.join(f'={ord(letter):02X}' for letter in each)}?="
    finds(t, [t.email(source=t.message(encoded))], subject=each)


@case("4.4.1", "should")
def markup_is_no_text(t: Toolkit) -> None:
    """When searching inside a "text/html" body part, any text considered markup rather than content SHOULD be ignored,
    including HTML tags and most attributes, anything inside the "<head>" tag, Cascading Style Sheets (CSS), and
    JavaScript.

    A search finds what nobody can see.
    """
    content, style, script, attribute, title = (word() for _ in range(5))
    body = (
        f"<html><head><title>{title}</title><style>.{style}{{}}</style></head><body>"
        f"<script>var {script};</script><p class='{attribute}'>{content}</p></body></html>\r\n"
    )
    email = t.email(source=t.message(body=body, Content_Type="text/html; charset=utf-8"))
    for hidden in (style, script, attribute, title):
        never_finds(t, email, {"body": content}, body=hidden)


@case("4.4.1", "should")
def attributes_for_people_are_text(t: Toolkit) -> None:
    """Attribute content intended for presentation to the user such as "alt" and "title" SHOULD be considered in the
    search.

    People do not find what they see.
    """
    alt, title = word(), word()
    body = f"<p title='{title}'>x</p><img src='cid:a' alt='{alt}'>\r\n"
    email = t.email(source=t.message(body=body, Content_Type="text/html; charset=utf-8"))
    finds(t, [email], body=alt)
    finds(t, [email], body=title)


@case("4.4.1", "should")
def case_does_not_matter(t: Toolkit) -> None:
    """Text SHOULD be matched in a case-insensitive manner.

    People do not find their mail.
    """
    each = word()
    email = t.email(source=t.message(f"{each.upper()} äÖü{each}"))
    finds(t, [email], subject=each.capitalize())
    finds(t, [email], subject=f"ÄöÜ{each}")


@case("4.4.1", "should")
def quotes_make_a_phrase(t: Toolkit) -> None:
    """Text contained in either (but matched) single (') or double (") quotes SHOULD be treated as a *phrase search*;
    that is, a match is required for that exact word or sequence of words, excluding the surrounding quotation marks.

    A search for a phrase finds everything with its words.
    """
    one, two = word(), word()
    box = t.mailbox()
    phrase, apart = t.emails(box, t.message(f"{one} {two}"), t.message(f"{two} and {one}"))
    finds(t, [phrase, apart], subject=f"{one} {two}")
    finds(t, [phrase], subject=f'"{one} {two}"')
    finds(t, [phrase], subject=f"'{one} {two}'")


@case("4.4.1", "must")
def a_backslash_escapes_within_a_phrase(t: Toolkit) -> None:
    """Within a phrase, to match one of the following characters you MUST escape it by prefixing it with a backslash
    (\\):

    A search with a quotation mark fails or finds nothing.
    """
    one, two = word(), word()
    email = t.email(source=t.message(f"{one} 'quoted' {two}"))
    finds(t, [email], subject=f"{one} {two}")
    finds(t, [email], subject=f"\"{one} \\'quoted\\' {two}\"")


@case("4.4.1", "must")
def every_word_has_to_be_there(t: Toolkit) -> None:
    """Outside of a phrase, white space SHOULD be treated as dividing separate tokens that may be searched for
    separately but MUST all be present for the Email to match the filter.

    A search with more words finds more.
    """
    one, two, three = word(), word(), word()
    box = t.mailbox()
    both, only = t.emails(box, t.message(f"{two} x {one}"), t.message(one))
    finds(t, [both, only], subject=one)
    finds(t, [both], subject=f"{one} {two}")
    check.same(t.query("Email", filter={"subject": f"{one} {three}"}), [], "with a word that is not there")


@case("4.4.1", "may")
def words_are_found_as_words(t: Toolkit) -> None:
    """Tokens (not part of a phrase) MAY be matched on a whole-word basis using stemming (for example, a text search for
    "bus" would match "buses" but not "business").

    A whole word is not found.
    """
    each = word()
    finds(t, [t.email(source=t.message(f"({each}), today"))], subject=each)


@case("4.4.1", "may")
def files_that_are_no_text_do_no_harm(t: Toolkit) -> None:
    """The server MAY exclude MIME body parts with content media types other than "text/*" and "message/*" from
    consideration in search matching.

    The text beside a file is not found.
    """
    each = word()
    body = f"--b\r\n\r\n{each}\r\n--b\r\nContent-Type: application/pdf\r\n\r\n%PDF-\r\n--b--\r\n"
    finds(t, [t.email(source=t.message(body=body, Content_Type='multipart/mixed; boundary="b"'))], body=each)


def snippets(t: Toolkit, emails: list[str], **condition: Any) -> dict[str, dict[str, Any]]:
    """The snippets of emails for a filter, by email."""
    answer = t.call("SearchSnippet/get", filter=condition, emailIds=emails)
    return {each["emailId"]: each for each in answer["list"]}


@case("5", "must")
def snippets_escape_markup(t: Toolkit) -> None:
    """Any instance of the following three characters MUST be replaced by an appropriate HTML entity: & (ampersand), <
    (less-than sign), and > (greater-than sign) [HTML].

    A message runs scripts in the list of results.
    """
    each = word()
    email = t.email(source=t.message(f"<b>&{each}</b>", body=f"x & y <script>{each}</script>\r\n"))
    finds(t, [email], text=each)
    found = snippets(t, [email], text=each)[email]

    for name in ("subject", "preview"):
        check.is_string(found[name], name)
        plain = found[name].replace("<mark>", "").replace("</mark>", "")
        check.that("<" not in plain and ">" not in plain, f"{name} holds markup: {found[name]}")
        check.that("& " not in plain and "&amp;" in plain, f"{name} holds a bare ampersand: {found[name]}")


@case("5", "may")
def snippets_mark_what_matches(t: Toolkit) -> None:
    """Other characters MAY also be replaced with an HTML entity form.

    People do not see why a message was found.
    """
    each = word()
    email = t.email(source=t.message(f"about {each}", body="nothing\r\n"))
    finds(t, [email], text=each)
    found = snippets(t, [email], text=each)[email]

    check.that(f"<mark>{each}</mark>" in (found["subject"] or ""), f"subject is {check.show(found['subject'])}")
    check.same(found["preview"], None, "preview of a body that does not match")


@case("5", "must")
def previews_of_snippets_are_short(t: Toolkit) -> None:
    """It MUST NOT be bigger than 255 octets in size.

    Lists of results break.
    """
    each = word()
    body = "ä & < " * 100 + each + " ☃ & > " * 100
    email = t.email(source=t.message(body=body + "\r\n"))
    finds(t, [email], body=each)
    preview = snippets(t, [email], body=each)[email]["preview"]

    check.is_string(preview, "preview")
    check.that(len(preview.encode()) <= 255, f"the preview has {len(preview.encode())} octets")


@case("5", "must")
def without_text_to_match_snippets_are_null(t: Toolkit) -> None:
    """If the server is unable to determine search snippets, it MUST return null for both the "subject" and "preview"
    properties.

    Clients show a preview that has nothing to do with the search.
    """
    box = t.mailbox()
    email = t.email(box)
    found = snippets(t, [email], inMailbox=box)[email]

    check.same([found["subject"], found["preview"]], [None, None], "subject and preview")


@case("5.1", "may")
def snippets_may_be_fetched_again(t: Toolkit) -> None:
    """As the search snippets are derived from the message content and the algorithm for doing so could change over
    time, fetching the same snippets a second time MAY return a different result.

    Clients cannot page through results.
    """
    each = word()
    email = t.email(source=t.message(each))
    finds(t, [email], text=each)
    for _ in range(2):
        check.has(snippets(t, [email], text=each), [email], "list")


@case("5.1", "must")
def snippets_of_unknown_emails_are_not_found(t: Toolkit) -> None:
    """An array of Email ids requested that could not be found, or null if all ids were found.

    Clients wait for snippets of mail that is gone.
    """
    email = t.email()
    answer = t.call("SearchSnippet/get", filter={"text": "x"}, emailIds=[email, "no-such"])

    check.same(answer["notFound"], ["no-such"], "notFound")
    check.same([each["emailId"] for each in answer["list"]], [email], "list")
    check.one_of(
        t.call("SearchSnippet/get", filter={"text": "x"}, emailIds=[email])["notFound"] or None, (None,), "notFound"
    )
