"""Requests that are nearly right: every method with arguments of every kind, as hypothesis strategies.

Ids of the account under test are written as placeholders (``@e0`` an email, ``@m1`` a mailbox, ``@b0`` a blob, ``@t0``
a thread, ``@sE`` a state) and replaced in the text of the request.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]
pick = st.sampled_from


def rarely(good: Strategy, bad: Strategy, one_in: int) -> Strategy:
    """What is right, and once in so many what is not."""
    return st.integers(1, one_in).flatmap(lambda number: bad if number == one_in else good)


# -------------------------------------------------------------------------------------------------------------- values

BAD_IDS = pick(["@e0", "@m0", "@b0", "@t0", "#", "e2222222", "m", "", "a", "z" * 18, "eaaaa", "\0", "é", "x" * 300])
EMAIL_IDS = rarely(pick(["@e0", "@e1", "@e2", "@e3", "#n"]), BAD_IDS, 6)
MAILBOX_IDS = rarely(pick(["@m0", "@m1", "@m2", "#c"]), BAD_IDS, 8)
BLOB_IDS = rarely(pick(["@b0", "@b1", "@b0-1"]), BAD_IDS | pick(["@b0-99", "b22-1-2", "b-1", "@b0-", "@b0-\0"]), 6)
THREAD_IDS = rarely(pick(["@t0", "@t1"]), BAD_IDS, 6)
IDS = EMAIL_IDS | MAILBOX_IDS | BLOB_IDS | THREAD_IDS

ODD_TEXTS = pick(
    ("", " ", '"tea cake"', "\0", "a\0b", "x" * 5_000, "%", "_", "\\", "'", '"', "*", "tea*", "東京", "\U0001f680",
     "\u202e", "\ufdfa" * 50, "ß", "İ", "\x01\x1f\x7f", "\ufffd", "NEAR(", "a OR b", "-", "^", ":", "()", "e\u0301",
     "\r\nX: y")
)  # fmt: skip
TEXTS = pick(["tea", "Tea for", "1", "a b"]) | ODD_TEXTS | st.text(max_size=12)
ODD_NUMBERS = pick([-1, -2, 2**31, 2**53 - 1, -(2**53) + 1, 2**63, 1.0, 1.5, -0.0, 1e300])
NUMBERS = rarely(st.integers(0, 4) | st.just(50), ODD_NUMBERS, 4)
ODD_STATES = pick(["", "0", "1-0", "1-1", "1-999999999999999999", "x", "\0", "1-5.1-1", "-1"])
STATES = rarely(pick(["@s0", "@sE", "@sM", "@sT"]), ODD_STATES, 5)
DATES = rarely(
    pick(["2024-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-01-02T03:04:05.5Z"]),
    pick(["2024-02-30T00:00:00Z", "2024-01-02", "2024-01-02T03:04:05+01:00", "2016-12-31T23:59:60Z", "", "\0",
          "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    3,
)  # fmt: skip
KEYWORDS = rarely(
    pick(["$seen", "$Flagged", "blue", "$draft", "$", "a/b", "~1"]), pick(["a b", "", "é", "x" * 300, "\0", "]"]), 5
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | IDS
KEYS = rarely(pick(["n", "c", "k1", "k2"]), IDS | KEYWORDS | pick(["name", "0", "-", "~0", "operator"]), 5)
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def mostly(good: Strategy, bad: Strategy = JUNK) -> Strategy:
    """Nearly always what is right."""
    return rarely(good, bad, 30)


def members(**fields: Strategy) -> Strategy:
    """An object with any of the members, each mostly right."""
    named = {name.removesuffix("_").replace("__", ":"): mostly(value) for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=named)


def trues(keys: Strategy, least: int = 0) -> Strategy:
    """A set as JMAP writes it."""
    return st.dictionaries(keys, mostly(st.just(True), SCALARS), min_size=least, max_size=3)


# ---------------------------------------------------------------------------------------------------------------- mail

HEADERS = rarely(
    pick(["header:Subject", "header:X-A:asText", "header:From:asAddresses", "header:To:asGroupedAddresses:all",
          "header:Date:asDate", "header:References:asMessageIds", "header:List-Post:asURLs", "header:X-A:asRaw:all"]),
    pick(["header:", "header:Subject:asDate", "header:x:asNothing", "header:a b", "header:Content-Type", "header:é",
          "header:MIME-Version", "header:a:asText:all:all", "header:a:all:asText"]),
    6,
)  # fmt: skip
EMAIL_NAMES = rarely(
    pick(["id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "headers", "messageId", "from",
          "to", "subject", "sentAt", "bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments", "preview",
          "hasAttachment", "inReplyTo", "references", "sender", "cc", "bcc", "replyTo"]),
    pick(["nothing", "", "\0"]),
    15,
)  # fmt: skip
PART_NAMES = rarely(
    pick(["partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language",
          "location", "subParts"]),
    pick(["nothing", "", "value"]),
    15,
)  # fmt: skip
ADDRESSES = st.lists(
    members(name=TEXTS, email=pick(["a@x", "", "a b", "\0@x", "ü@ü.example", "<>", "a@x\r\nBcc: b"])), max_size=3
)
PART_TYPES = pick(
    ("text/plain", "text/html", "multipart/mixed", "multipart/alternative", "message/rfc822", "image/png", "", "x",
     "TEXT/PLAIN", "text/plain; charset=utf-8", "text/\r\nX: y", "application/octet-stream", "multipart/", "\0",
     "a/b/c")
)  # fmt: skip
LEAVES = members(
    partId=pick(["1", "2", "x", ""]),
    blobId=BLOB_IDS,
    type=PART_TYPES,
    name=TEXTS,
    charset=pick(["utf-8", "us-ascii", "x", "", None]),
    disposition=pick(["inline", "attachment", "x y", "", "\r\n", None]),
    cid=TEXTS,
    language=st.lists(TEXTS, max_size=2),
    location=TEXTS,
    size=NUMBERS,
    headers=st.lists(members(name=TEXTS, value=TEXTS), max_size=2),
    header__X_=TEXTS,
)
PARTS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries({"type": PART_TYPES, "subParts": st.lists(inner, max_size=3)}),
    max_leaves=5,
)
VALUES = st.dictionaries(
    pick(["1", "2", "x", ""]),
    members(value=TEXTS, isEncodingProblem=st.booleans(), isTruncated=st.booleans()),
    max_size=3,
)
PLACES = mostly(trues(MAILBOX_IDS, 1))
SANE_HEADERS = st.fixed_dictionaries(
    {"mailboxIds": PLACES},
    optional={
        "keywords": trues(KEYWORDS),
        "receivedAt": DATES,
        "subject": TEXTS,
        "from": ADDRESSES,
        "to": ADDRESSES,
        "messageId": st.lists(TEXTS, max_size=2),
        "references": st.lists(TEXTS, max_size=3),
    },
)
SANE_BODIES = st.one_of(
    st.just({}),
    TEXTS.map(lambda text: {"textBody": [{"partId": "1", "type": "text/plain"}], "bodyValues": {"1": {"value": text}}}),
    TEXTS.map(lambda text: {"htmlBody": [{"partId": "1", "type": "text/html"}], "bodyValues": {"1": {"value": text}}}),
    st.tuples(BLOB_IDS, TEXTS).map(lambda two: {"attachments": [{"blobId": two[0], "type": "a/b", "name": two[1]}]}),
    st.tuples(BLOB_IDS, PART_TYPES).map(
        lambda two: {"bodyStructure": {"type": "multipart/mixed", "subParts": [{"blobId": two[0], "type": two[1]}]}}
    ),
)
WILD_BODIES = members(
    sentAt=DATES,
    sender=ADDRESSES,
    cc=ADDRESSES,
    textBody=st.lists(PARTS, max_size=2),
    htmlBody=st.lists(PARTS, max_size=2),
    attachments=st.lists(PARTS, max_size=2),
    bodyStructure=PARTS,
    bodyValues=VALUES,
    headers=st.lists(members(name=TEXTS, value=TEXTS), max_size=2),
)
EXTRA_HEADERS = st.dictionaries(HEADERS, JUNK | TEXTS | ADDRESSES | DATES, max_size=2)


def _joined(parts: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


EMAILS = (
    st.tuples(SANE_HEADERS, SANE_BODIES).map(_joined)
    | st.tuples(SANE_HEADERS, WILD_BODIES, EXTRA_HEADERS).map(_joined)
    | st.tuples(SANE_HEADERS, SANE_BODIES, EXTRA_HEADERS).map(_joined)
)
PATCH_PATHS = rarely(
    pick(["keywords/$seen", "keywords/blue", "keywords", "mailboxIds/@m0", "mailboxIds/@m1", "mailboxIds/#c"]),
    pick(["keywords/a b", "keywords/", "mailboxIds/zz", "mailboxIds", "subject", "keywords/$seen/x", "/", "", "id",
          "nothing/at/all", "keywords~1x", "bodyValues/1/value", "from/0/name", "threadId", "receivedAt", "size",
          "header:Subject:asText", "\0", "keywords/\0"]),
    4,
)  # fmt: skip
PATCHES = st.dictionaries(PATCH_PATHS, rarely(pick([True, True, None, False]), JUNK, 8), max_size=3)
MAILBOXES = st.tuples(
    st.fixed_dictionaries({"name": mostly(TEXTS)}),
    members(
        parentId=st.none() | MAILBOX_IDS,
        role=st.none() | pick(["archive", "trash", "x", "", "\0", "INBOX"]),
        sortOrder=NUMBERS,
        isSubscribed=st.booleans(),
    ),
    rarely(st.just({}), members(totalEmails=NUMBERS, myRights=JUNK, id=IDS), 10),
).map(_joined)
MAILBOX_PATCHES = st.dictionaries(
    rarely(
        pick(["name", "parentId", "role", "sortOrder", "isSubscribed"]), pick(["id", "myRights/mayRename", "x"]), 10
    ),
    TEXTS | MAILBOX_IDS | st.none() | st.booleans() | NUMBERS,
    max_size=2,
)
CONDITIONS = members(
    inMailbox=MAILBOX_IDS,
    inMailboxOtherThan=st.lists(MAILBOX_IDS, max_size=2),
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
) | members(
    text=TEXTS,
    from_=TEXTS,
    to=TEXTS,
    cc=TEXTS,
    bcc=TEXTS,
    subject=TEXTS,
    body=TEXTS,
    header=st.lists(TEXTS | pick(["Subject", "Message-ID", "X-A", "From"]), min_size=1, max_size=2),
)
MAILBOX_CONDITIONS = members(
    parentId=st.none() | MAILBOX_IDS,
    name=TEXTS,
    role=st.none() | TEXTS,
    hasAnyRole=st.booleans(),
    isSubscribed=st.booleans(),
)


def tree(conditions: Strategy) -> Strategy:
    """A filter of operators and conditions."""
    return st.none() | st.recursive(
        conditions,
        lambda inner: st.fixed_dictionaries(
            {
                "operator": mostly(pick(["AND", "OR", "NOT"]), pick(["XOR", "and", None, 1])),
                "conditions": mostly(st.lists(inner, max_size=3)),
            }
        ),
        max_leaves=4,
    )


def sorts(names: list[str], keyword_names: list[str]) -> Strategy:
    """A list of comparators."""
    plain = st.fixed_dictionaries(
        {"property": mostly(pick(names))},
        optional={
            "isAscending": mostly(st.booleans()),
            "collation": rarely(pick([None, "i;octet", "i;ascii-casemap", "i;unicode-casemap"]), pick(["", "\0"]), 10),
        },
    )
    if not keyword_names:
        return st.none() | st.lists(plain, max_size=3)
    by_keyword = st.fixed_dictionaries(
        {"property": pick(keyword_names), "keyword": KEYWORDS}, optional={"isAscending": st.booleans()}
    )
    return st.none() | st.lists(plain | by_keyword, max_size=3)


# ------------------------------------------------------------------------------------------------------------- methods

WINDOW = {
    "position": NUMBERS,
    "anchor": st.none() | EMAIL_IDS | MAILBOX_IDS,
    "anchorOffset": NUMBERS,
    "limit": st.none() | NUMBERS,
    "calculateTotal": st.booleans(),
}
SINCE = {
    "sinceQueryState": STATES,
    "maxChanges": st.none() | NUMBERS,
    "upToId": st.none() | EMAIL_IDS | MAILBOX_IDS,
    "calculateTotal": st.booleans(),
}
EMAIL_QUERY = {
    "filter": tree(CONDITIONS),
    "sort": sorts(
        ["receivedAt", "size", "from", "to", "subject", "sentAt"],
        ["hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"],
    ),
    "collapseThreads": st.booleans(),
}
MAILBOX_QUERY = {
    "filter": tree(MAILBOX_CONDITIONS),
    "sort": sorts(["name", "sortOrder"], []),
    "sortAsTree": st.booleans(),
    "filterAsTree": st.booleans(),
}
BODIES = {
    "bodyProperties": st.none() | st.lists(PART_NAMES | HEADERS, max_size=4),
    "fetchTextBodyValues": st.booleans(),
    "fetchHTMLBodyValues": st.booleans(),
    "fetchAllBodyValues": st.booleans(),
    "maxBodyValueBytes": NUMBERS,
}
CHANGES = {"sinceState": STATES, "maxChanges": st.none() | NUMBERS}
ACCOUNTS = rarely(st.just("@account"), pick(["@other", "@museum", "nobody", "", "\0", "u2222"]), 8)
OTHERS = rarely(pick(["@other", "@museum"]), ACCOUNTS, 6)
IF_STATE = rarely(st.none(), STATES, 8)
IMPORTS = st.fixed_dictionaries(
    {"blobId": BLOB_IDS, "mailboxIds": PLACES}, optional={"keywords": trues(KEYWORDS), "receivedAt": DATES}
)
COPIES = st.fixed_dictionaries(
    {"id": pick(["@o0"]) | EMAIL_IDS, "mailboxIds": PLACES},
    optional={"keywords": trues(KEYWORDS), "receivedAt": DATES, "subject": TEXTS},
)

METHODS: dict[str, dict[str, Strategy]] = {
    "Core/echo": {"a": JUNK},
    "Mailbox/get": {
        "ids": st.none() | st.lists(MAILBOX_IDS, max_size=4),
        "properties": st.none() | st.lists(pick(["name", "role", "myRights", "id"]) | TEXTS, max_size=3),
    },
    "Mailbox/changes": CHANGES,
    "Mailbox/set": {
        "ifInState": IF_STATE,
        "create": st.dictionaries(KEYS, MAILBOXES, max_size=3),
        "update": st.dictionaries(MAILBOX_IDS, MAILBOX_PATCHES, max_size=3),
        "destroy": st.none() | st.lists(MAILBOX_IDS, max_size=3),
        "onDestroyRemoveEmails": st.booleans(),
    },
    "Mailbox/query": {**MAILBOX_QUERY, **WINDOW},
    "Mailbox/queryChanges": {**MAILBOX_QUERY, **SINCE},
    "Thread/get": {
        "ids": st.none() | st.lists(THREAD_IDS, max_size=4),
        "properties": st.none() | st.lists(pick(["id", "emailIds"]), max_size=3),
    },
    "Thread/changes": CHANGES,
    "Email/get": {
        "ids": st.none() | st.lists(EMAIL_IDS, max_size=4),
        "properties": st.none() | st.lists(EMAIL_NAMES | HEADERS, max_size=6),
        **BODIES,
    },
    "Email/changes": CHANGES,
    "Email/query": {**EMAIL_QUERY, **WINDOW},
    "Email/queryChanges": {**EMAIL_QUERY, **SINCE},
    "Email/set": {
        "ifInState": IF_STATE,
        "create": st.dictionaries(KEYS, mostly(EMAILS), max_size=2),
        "update": st.dictionaries(EMAIL_IDS, mostly(PATCHES), max_size=3),
        "destroy": st.none() | st.lists(EMAIL_IDS, max_size=3),
    },
    "Email/copy": {
        "fromAccountId": OTHERS,
        "create": st.dictionaries(KEYS, mostly(COPIES), max_size=2),
        "ifFromInState": IF_STATE,
        "ifInState": IF_STATE,
        "onSuccessDestroyOriginal": st.booleans(),
        "destroyFromIfInState": IF_STATE,
    },
    "Email/import": {"ifInState": IF_STATE, "emails": st.dictionaries(KEYS, mostly(IMPORTS), max_size=3)},
    "Email/parse": {
        "blobIds": st.lists(BLOB_IDS, max_size=3),
        "properties": st.none() | st.lists(EMAIL_NAMES | HEADERS, max_size=6),
        **BODIES,
    },
    "SearchSnippet/get": {"filter": tree(CONDITIONS), "emailIds": st.lists(EMAIL_IDS, max_size=3)},
    "Blob/copy": {"fromAccountId": OTHERS, "blobIds": st.lists(pick(["@ob"]) | BLOB_IDS, max_size=3)},
    "Email/nothing": {"a": JUNK},
}
"""Arguments by method; each may be left out."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "Email/changes": ("sinceState",),
    "Mailbox/changes": ("sinceState",),
    "Thread/changes": ("sinceState",),
    "Email/queryChanges": ("sinceQueryState",),
    "Mailbox/queryChanges": ("sinceQueryState",),
    "Email/import": ("emails",),
    "Email/copy": ("fromAccountId", "create"),
    "Blob/copy": ("fromAccountId", "blobIds"),
    "Email/parse": ("blobIds",),
    "SearchSnippet/get": ("filter", "emailIds"),
    "Thread/get": ("ids",),
}
"""What a call is nothing without."""

REFERENCES = st.fixed_dictionaries(
    {
        "resultOf": pick("0123"),
        "name": pick([*METHODS, "error"]),
        "path": pick(
            ("/ids", "/list/*/id", "/list/*/threadId", "/list/*/emailIds", "/created", "/added/*/id",
             "/list/*/to/*/name",
             "/updatedProperties", "", "/", "/*", "x", "/list/0/mailboxIds", "/list/*/bodyValues/*", "/list/-1",
             "/~2", "/list/*/keywords/~1")
        ),
    }
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn, name: str | None = None) -> list[Any]:
    """One method call that is mostly well formed."""
    name = name or draw(pick(list(METHODS)))
    known = METHODS[name]
    required = {key: mostly(known[key]) for key in REQUIRED.get(name, ())}
    optional = {key: mostly(value) for key, value in known.items() if key not in required}
    arguments = draw(st.fixed_dictionaries(required, optional=optional))
    if name != "Core/echo":
        arguments["accountId"] = draw(ACCOUNTS)
    if arguments and draw(st.integers(1, 12)) == 12:
        replaced = draw(pick(sorted(arguments)))
        del arguments[replaced]
        arguments[f"#{replaced}"] = draw(mostly(REFERENCES))
    return [name, arguments, draw(pick("0123"))]


USING = st.just(["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"])
REQUESTS = st.fixed_dictionaries(
    {"using": USING, "methodCalls": st.lists(calls(), min_size=1, max_size=5)},
    optional={"createdIds": st.dictionaries(pick("nc"), IDS, max_size=2)},
)
"""Whole requests."""
