"""Requests that are nearly right: every method with arguments of every kind, as hypothesis strategies.

Ids of the account under test are written as placeholders (``@e0`` an email, ``@m1`` a mailbox, ``@b0`` a blob, ``@t0``
a thread, ``@sE`` a state) and replaced in the text of the request.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

IDS = st.sampled_from(
    [
        "@e0",
        "@e1",
        "@e2",
        "@e3",
        "@m0",
        "@m1",
        "@m2",
        "@b0",
        "@b1",
        "@b0-1",
        "@b1-2",
        "@b0-99",
        "@t0",
        "@t1",
        "#n",
        "#c",
        "#",
        "e2222222",
        "m",
        "",
        "a",
        "zzzzzzzzzzzzzzzzzz",
        "eaaaa",
        "\x00",
        "é",
        "x" * 300,
        "b22-1-2",
        "b-1",
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "tea",
        "Tea for",
        '"tea cake"',
        "\x00",
        "a\x00b",
        "x" * 5000,
        "%",
        "_",
        "\\",
        "'",
        '"',
        "*",
        "tea*",
        "東京",
        "🚀",
        "\u202e",
        "ﷺ" * 50,
        "ß",
        "İ",
        "\x01\x1f\x7f",
        "�",
        "NEAR(",
        "a OR b",
        "-",
        "^",
        ":",
        "()",
        "é",
    ]
) | st.text(max_size=12)
NUMBERS = st.sampled_from([0, 1, 2, 3, 50, -1, -2, 2**31, 2**53 - 1, -(2**53) + 1, 2**63, 1.0, 1.5, -0.0, 1e300])
STATES = st.sampled_from(
    ["@sE", "@sM", "@sT", "", "0", "1-0", "1-1", "1-999999999999999999", "x", "\0", "1-5.1-1", "-1"]
)
DATES = st.sampled_from(
    [
        "2024-01-02T03:04:05Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2024-02-30T00:00:00Z",
        "2024-01-02",
        "2024-01-02T03:04:05.5Z",
        "2024-01-02T03:04:05+01:00",
        "2016-12-31T23:59:60Z",
        "",
        "\x00",
        "0000-00-00T00:00:00Z",
    ]
)
KEYWORDS = st.sampled_from(
    ["$seen", "$Flagged", "blue", "$draft", "a b", "", "é", "x" * 300, "\0", "]", "$", "a/b", "~1"]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | IDS
KEYS = (
    IDS | KEYWORDS | st.sampled_from(["n", "c", "name", "email", "value", "partId", "type", "operator", "0", "-", "~0"])
)
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def mostly(good: Strategy, bad: Strategy = JUNK) -> Strategy:
    """Nearly always what is right."""
    return st.integers(0, 9).flatmap(lambda number: bad if number == 0 else good)


def members(**fields: Strategy) -> Strategy:
    """An object with any of the members, each mostly right."""
    named = {name.removesuffix("_").replace("__", ":"): mostly(value) for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=named)


def trues(keys: Strategy) -> Strategy:
    """A set as JMAP writes it."""
    return st.dictionaries(keys, mostly(st.just(True), SCALARS), max_size=3)


# ----------------------------------------------------------------------------------------------------------------- mail

HEADERS = st.sampled_from(
    [
        "header:Subject",
        "header:X-A:asText",
        "header:From:asAddresses",
        "header:To:asGroupedAddresses:all",
        "header:",
        "header:Date:asDate",
        "header:References:asMessageIds",
        "header:List-Post:asURLs",
        "header:Subject:asDate",
        "header:X-A:asRaw",
        "header:x:asNothing",
        "header:a b",
        "header:Content-Type",
        "header:MIME-Version",
        "header:é",
    ]
)
EMAIL_NAMES = st.sampled_from(
    [
        "id",
        "blobId",
        "threadId",
        "mailboxIds",
        "keywords",
        "size",
        "receivedAt",
        "headers",
        "messageId",
        "from",
        "to",
        "subject",
        "sentAt",
        "bodyStructure",
        "bodyValues",
        "textBody",
        "htmlBody",
        "attachments",
        "hasAttachment",
        "preview",
        "nothing",
        "",
        "inReplyTo",
        "references",
        "sender",
        "cc",
        "bcc",
        "replyTo",
    ]
)
PART_NAMES = st.sampled_from(
    [
        "partId",
        "blobId",
        "size",
        "headers",
        "name",
        "type",
        "charset",
        "disposition",
        "cid",
        "language",
        "location",
        "subParts",
        "nothing",
    ]
)
ADDRESSES = st.lists(
    members(name=TEXTS, email=st.sampled_from(["a@x", "", "a b", "\0@x", "ü@ü.example", "<>", "a@x\r\nBcc: b"])),
    max_size=3,
)
PART_TYPES = st.sampled_from(
    [
        "text/plain",
        "text/html",
        "multipart/mixed",
        "multipart/alternative",
        "message/rfc822",
        "image/png",
        "",
        "x",
        "a/b/c",
        "TEXT/PLAIN",
        "text/plain; charset=utf-8",
        "text/\r\nX: y",
        "application/octet-stream",
        "multipart/",
        "\x00",
    ]
)
PARTS = st.recursive(
    members(
        partId=st.sampled_from(["1", "2", "x", ""]),
        blobId=IDS,
        type=PART_TYPES,
        name=TEXTS,
        charset=st.sampled_from(["utf-8", "us-ascii", "x", "", None]),
        disposition=st.sampled_from(["inline", "attachment", "x y", "", "\r\n", None]),
        cid=TEXTS,
        language=st.lists(TEXTS, max_size=2),
        location=TEXTS,
        size=NUMBERS,
        headers=st.lists(members(name=TEXTS, value=TEXTS), max_size=2),
        header__X_=TEXTS,
    ),
    lambda inner: st.fixed_dictionaries({"type": PART_TYPES, "subParts": st.lists(inner, max_size=3)}),
    max_leaves=5,
)
VALUES = st.dictionaries(
    st.sampled_from(["1", "2", "x", ""]),
    members(value=TEXTS, isEncodingProblem=st.booleans(), isTruncated=st.booleans()),
    max_size=3,
)
EMAILS = st.tuples(
    st.fixed_dictionaries({"mailboxIds": mostly(trues(st.sampled_from(["@m0", "@m1", "@m2", "#c"])))}),
    members(
        keywords=trues(KEYWORDS),
        receivedAt=DATES,
        subject=TEXTS,
        from_=ADDRESSES,
        to=ADDRESSES,
        cc=ADDRESSES,
        sender=ADDRESSES,
        messageId=st.lists(TEXTS, max_size=2),
        references=st.lists(TEXTS, max_size=3),
        sentAt=DATES,
        textBody=st.lists(PARTS, max_size=2),
        htmlBody=st.lists(PARTS, max_size=2),
        attachments=st.lists(PARTS, max_size=2),
        bodyStructure=PARTS,
        bodyValues=VALUES,
        headers=st.lists(members(name=TEXTS, value=TEXTS), max_size=2),
    ),
    st.dictionaries(HEADERS, JUNK | TEXTS | ADDRESSES | DATES, max_size=2),
).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
PATCH_PATHS = st.sampled_from(
    [
        "keywords/$seen",
        "keywords/blue",
        "keywords/a b",
        "keywords/",
        "keywords",
        "mailboxIds/@m0",
        "mailboxIds/@m1",
        "mailboxIds/#c",
        "mailboxIds/zz",
        "mailboxIds",
        "subject",
        "keywords/$seen/x",
        "/",
        "",
        "nothing/at/all",
        "id",
        "keywords~1x",
        "bodyValues/1/value",
        "from/0/name",
        "threadId",
        "receivedAt",
        "header:Subject:asText",
        "size",
    ]
)
PATCHES = st.dictionaries(PATCH_PATHS, mostly(st.sampled_from([True, None, False]), JUNK), max_size=3)
MAILBOXES = members(
    name=TEXTS,
    parentId=st.none() | IDS,
    role=st.none() | st.sampled_from(["inbox", "trash", "x", "", "\0", "INBOX"]),
    sortOrder=NUMBERS,
    isSubscribed=st.booleans(),
    totalEmails=NUMBERS,
    myRights=JUNK,
    id=IDS,
)
MAILBOX_PATCHES = st.dictionaries(
    st.sampled_from(
        ["name", "parentId", "role", "sortOrder", "isSubscribed", "id", "myRights/mayRename", "x", "name/0"]
    ),
    mostly(TEXTS | IDS | st.none() | st.booleans() | NUMBERS),
    max_size=3,
)
CONDITIONS = members(
    inMailbox=IDS,
    inMailboxOtherThan=st.lists(IDS, max_size=2),
    before=DATES,
    after=DATES,
    minSize=NUMBERS,
    maxSize=NUMBERS,
    allInThreadHaveKeyword=KEYWORDS,
    someInThreadHaveKeyword=KEYWORDS,
    noneInThreadHaveKeyword=KEYWORDS,
    hasKeyword=KEYWORDS,
    notKeyword=KEYWORDS,
    hasAttachment=st.booleans(),
    text=TEXTS,
    from_=TEXTS,
    to=TEXTS,
    cc=TEXTS,
    bcc=TEXTS,
    subject=TEXTS,
    body=TEXTS,
    header=st.lists(TEXTS | st.sampled_from(["Subject", "Message-ID", "X-A", "From"]), max_size=3),
    nothing=JUNK,
)
MAILBOX_CONDITIONS = members(
    parentId=st.none() | IDS, name=TEXTS, role=st.none() | TEXTS, hasAnyRole=st.booleans(), isSubscribed=st.booleans()
)


def tree(conditions: Strategy) -> Strategy:
    """A filter of operators and conditions."""
    return st.none() | st.recursive(
        conditions,
        lambda inner: st.fixed_dictionaries(
            {
                "operator": mostly(st.sampled_from(["AND", "OR", "NOT"]), st.sampled_from(["XOR", "and", None, 1])),
                "conditions": mostly(st.lists(inner, max_size=3)),
            }
        ),
        max_leaves=5,
    )


def sorts(*names: str) -> Strategy:
    """A list of comparators."""
    one = st.tuples(
        st.fixed_dictionaries({"property": mostly(st.sampled_from(names))}),
        members(
            isAscending=st.booleans(),
            collation=st.none() | st.sampled_from(["i;octet", "i;ascii-casemap", "i;unicode-casemap", "", "\0"]),
            keyword=KEYWORDS,
        ),
    ).map(lambda parts: {**parts[0], **parts[1]})
    return st.none() | st.lists(one, max_size=3)


WINDOW = {
    "position": NUMBERS, "anchor": st.none() | IDS, "anchorOffset": NUMBERS, "limit": st.none() | NUMBERS,
    "calculateTotal": st.booleans(),
}  # fmt: skip
SINCE = {"sinceQueryState": STATES, "maxChanges": st.none() | NUMBERS, "upToId": st.none() | IDS,
         "calculateTotal": st.booleans()}  # fmt: skip
EMAIL_QUERY = {
    "filter": tree(CONDITIONS),
    "sort": sorts("receivedAt", "size", "from", "to", "subject", "sentAt", "hasKeyword", "allInThreadHaveKeyword",
                  "someInThreadHaveKeyword", "x"),
    "collapseThreads": st.booleans(),
}  # fmt: skip
MAILBOX_QUERY = {
    "filter": tree(MAILBOX_CONDITIONS),
    "sort": sorts("name", "sortOrder", "parentId"),
    "sortAsTree": st.booleans(),
    "filterAsTree": st.booleans(),
}
ID_LISTS = st.none() | st.lists(IDS, max_size=4)
BODIES = {
    "bodyProperties": st.none() | st.lists(PART_NAMES | HEADERS, max_size=4),
    "fetchTextBodyValues": st.booleans(),
    "fetchHTMLBodyValues": st.booleans(),
    "fetchAllBodyValues": st.booleans(),
    "maxBodyValueBytes": NUMBERS,
}
CHANGES = {"sinceState": STATES, "maxChanges": st.none() | NUMBERS}
IMPORTS = st.dictionaries(
    KEYS,
    members(
        blobId=IDS,
        mailboxIds=trues(st.sampled_from(["@m0", "@m1", "#c", "x"])),
        keywords=trues(KEYWORDS),
        receivedAt=DATES,
    ),
    max_size=3,
)
ACCOUNTS = mostly(st.just("@account"), st.sampled_from(["@other", "@museum", "nobody", "", "\0", "u2222"]))
COPIES = st.dictionaries(
    KEYS,
    members(id=IDS, mailboxIds=trues(st.sampled_from(["@m0", "@m1"])), keywords=trues(KEYWORDS), receivedAt=DATES),
    max_size=2,
)

METHODS: dict[str, dict[str, Strategy]] = {
    "Core/echo": {"a": JUNK},
    "Mailbox/get": {
        "ids": ID_LISTS,
        "properties": st.none() | st.lists(st.sampled_from(["name", "role", "x"]), max_size=3),
    },
    "Mailbox/changes": CHANGES,
    "Mailbox/set": {
        "ifInState": st.none() | STATES,
        "create": st.dictionaries(KEYS, MAILBOXES, max_size=3),
        "update": st.dictionaries(IDS, MAILBOX_PATCHES, max_size=3),
        "destroy": ID_LISTS,
        "onDestroyRemoveEmails": st.booleans(),
    },
    "Mailbox/query": {**MAILBOX_QUERY, **WINDOW},
    "Mailbox/queryChanges": {**MAILBOX_QUERY, **SINCE},
    "Thread/get": {"ids": ID_LISTS, "properties": st.none() | st.lists(st.sampled_from(["id", "emailIds", "x"]))},
    "Thread/changes": CHANGES,
    "Email/get": {"ids": ID_LISTS, "properties": st.none() | st.lists(EMAIL_NAMES | HEADERS, max_size=6), **BODIES},
    "Email/changes": CHANGES,
    "Email/query": {**EMAIL_QUERY, **WINDOW},
    "Email/queryChanges": {**EMAIL_QUERY, **SINCE},
    "Email/set": {
        "ifInState": st.none() | STATES,
        "create": st.dictionaries(KEYS, EMAILS, max_size=2),
        "update": st.dictionaries(IDS, PATCHES, max_size=3),
        "destroy": ID_LISTS,
    },
    "Email/copy": {
        "fromAccountId": ACCOUNTS,
        "create": COPIES,
        "ifFromInState": st.none() | STATES,
        "ifInState": st.none() | STATES,
        "onSuccessDestroyOriginal": st.booleans(),
        "destroyFromIfInState": st.none() | STATES,
    },
    "Email/import": {"ifInState": st.none() | STATES, "emails": IMPORTS},
    "Email/parse": {
        "blobIds": st.lists(IDS, max_size=3),
        "properties": st.none() | st.lists(EMAIL_NAMES | HEADERS),
        **BODIES,
    },
    "SearchSnippet/get": {"filter": tree(CONDITIONS), "emailIds": st.lists(IDS, max_size=3)},
    "Blob/copy": {"fromAccountId": ACCOUNTS, "blobIds": st.lists(IDS, max_size=3)},
    "Email/nothing": {"a": JUNK},
}  # fmt: skip
"""Arguments by method; each may be left out."""

REQUIRED = {
    "Email/changes": ("sinceState",), "Mailbox/changes": ("sinceState",), "Thread/changes": ("sinceState",),
    "Email/queryChanges": ("sinceQueryState",), "Mailbox/queryChanges": ("sinceQueryState",),
    "Email/import": ("emails",), "Email/copy": ("fromAccountId", "create"), "Blob/copy": ("fromAccountId", "blobIds"),
    "Email/parse": ("blobIds",), "SearchSnippet/get": ("filter", "emailIds"), "Thread/get": ("ids",),
}  # fmt: skip
REFERENCES = st.fixed_dictionaries(
    {
        "resultOf": st.sampled_from("0123"),
        "name": st.sampled_from([*METHODS, "error"]),
        "path": st.sampled_from(
            [
                "/ids",
                "/list/*/id",
                "/list/*/threadId",
                "/list/*/emailIds",
                "/created",
                "/added/*/id",
                "/updatedProperties",
                "",
                "/",
                "/*",
                "x",
                "/list/0/mailboxIds",
                "/list/*/bodyValues/*",
                "/list/*/keywords/~1",
                "/~2",
                "/list/-1",
            ]
        ),
    }
)


@st.composite
def calls(draw: st.DrawFn, name: str | None = None) -> list[Any]:
    """One method call that is mostly well formed."""
    name = name or draw(st.sampled_from(list(METHODS)))
    known = METHODS[name]
    required = {key: mostly(known[key]) for key in REQUIRED.get(name, ())}
    optional = {key: mostly(value) for key, value in known.items() if key not in required}
    arguments = draw(st.fixed_dictionaries(required, optional=optional))
    if name != "Core/echo":
        arguments["accountId"] = draw(ACCOUNTS)
    if arguments and draw(st.integers(0, 7)) == 0:
        replaced = draw(st.sampled_from(sorted(arguments)))
        del arguments[replaced]
        arguments[f"#{replaced}"] = draw(mostly(REFERENCES))
    return [name, arguments, draw(st.sampled_from("0123"))]


USING = st.just(["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"])
REQUESTS = st.fixed_dictionaries(
    {"using": USING, "methodCalls": st.lists(calls(), min_size=1, max_size=5)},
    optional={"createdIds": st.dictionaries(st.sampled_from("nc"), IDS, max_size=2)},
)
