"""Email objects of any shape: created or refused with a reason, never an error that nobody expected (RFC 8621 §4.6)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mail.mime.headers import FORMS
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

characters = st.characters(exclude_categories=["Cs"]).filter(
    lambda one: ord(one) & 0xFFFE != 0xFFFE and not "\ufdd0" <= one <= "\ufdef"
)
"""Those that I-JSON can hold: no surrogates, no noncharacters (RFC 7493 §2.1)."""
text = st.one_of(
    st.sampled_from(["", "x", "a b", "ü", "你好", "=?utf-8?q?x?=", 'q"uo\\te', "<a@b>", "a@b, c@d"]),
    st.text(characters, max_size=20),
    st.integers(100, 3_000).map("ü".__mul__),
)
address = st.fixed_dictionaries({"email": text}, optional={"name": st.none() | text})
group = st.fixed_dictionaries({"addresses": st.lists(address, max_size=3)}, optional={"name": st.none() | text})
date = st.sampled_from(["2018-07-10T11:03:11+10:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
junk = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), text, st.lists(text, max_size=2))
value = st.one_of(junk, date, st.lists(address, max_size=3), st.lists(group, max_size=2), st.lists(st.lists(address)))
field = st.sampled_from(
    ["Subject", "From", "Date", "List-Post", "X-New", "Content-Type", "Content-Id", "Bcc", "Received"]
)
header = st.builds(
    lambda name, form, every: f"header:{name}{form and ':as' + form}{':all' if every else ''}",
    field,
    st.sampled_from(["", *FORMS]),
    st.booleans(),
)
leaf = st.fixed_dictionaries(
    {},
    optional={
        "partId": st.sampled_from(["t", "h", "absent"]),
        "blobId": st.sampled_from(["b777777", "nonsense id"]),
        "type": st.sampled_from(["text/plain", "TEXT/HTML", "image/png", "multipart/mixed", "message/rfc822", "bad"]),
        "name": st.none() | text,
        "cid": st.none() | text,
        "disposition": st.sampled_from([None, "inline", "attachment", "odd", "not a token"]),
        "language": st.none() | st.lists(text, max_size=2),
        "location": st.none() | text,
        "charset": st.sampled_from([None, "utf-8", "klingon"]),
    },
)
part = st.recursive(
    st.builds(lambda one, more: {**one, **more}, leaf, st.dictionaries(header, value, max_size=2)),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["multipart/mixed", "multipart/related"]), "subParts": st.lists(inner, max_size=3)}
    ),
    max_leaves=5,
)
sound_leaf = st.fixed_dictionaries(
    {"partId": st.sampled_from(["t", "h"])},
    optional={
        "type": st.just("text/html"),
        "name": text,
        "language": st.just(["de"]),
        "disposition": st.just("inline"),
    },
)
sound_tree = st.recursive(
    sound_leaf,
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("multipart/mixed"), "subParts": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=5,
)
sound = st.fixed_dictionaries(
    {
        "bodyValues": st.fixed_dictionaries(
            {"t": st.fixed_dictionaries({"value": text}), "h": st.just({"value": "<p>x"})}
        )
    },
    optional={
        "subject": text,
        "from": st.lists(address, max_size=2),
        "header:X-Text:asText:all": st.lists(text, max_size=3),
        "header:To:asGroupedAddresses": st.lists(group, max_size=2),
        "bodyStructure": sound_tree,
    },
)
"""Email objects of which most can be made into a message."""

values = st.dictionaries(st.sampled_from(["t", "h"]), st.fixed_dictionaries({"value": text}))
emails = st.builds(
    lambda known, more: {**known, **more},
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.none() | st.lists(address, max_size=3) for name in ("from", "to", "cc", "bcc", "sender")},
            **{name: st.none() | st.lists(text, max_size=2) for name in ("messageId", "inReplyTo", "references")},
            "subject": st.none() | text,
            "sentAt": date,
            "receivedAt": st.sampled_from(["0001-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z", "9999-12-31T23:59:59Z"]),
            "bodyStructure": part,
            "textBody": st.lists(leaf, max_size=2),
            "htmlBody": st.lists(leaf, max_size=2),
            "attachments": st.lists(part, max_size=3),
            "bodyValues": values,
            "keywords": st.dictionaries(text, st.just(True), max_size=2),
        },
    ),
    st.dictionaries(header, value, max_size=3),
)


@pytest.mark.rfc(8621, "4.6")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(email=emails | sound)
def test_any_email_object_is_created_or_refused_with_a_reason(alice: Person, email: dict[str, Any]) -> None:
    create = {"c": {"mailboxIds": {alice.mailbox("drafts"): True}, **email}}

    answer = alice.call("Email/set", create=create)

    event("created" if answer["created"] else "refused")
    if answer["created"]:
        created = alice.get(answer["created"]["c"]["id"], fetchAllBodyValues=True)
        assert created["size"] == len(alice.octets(created["blobId"]))
    else:
        error = answer["notCreated"]["c"]
        assert error["type"] in ("invalidProperties", "blobNotFound"), error
        assert error.get("properties") or error.get("notFound")


@pytest.mark.rfc(8620, "5.3")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patch=st.dictionaries(
        st.sampled_from(
            [
                "keywords",
                "mailboxIds",
                "keywords/$seen",
                "keywords/a",
                "mailboxIds/mb",
                "mailboxIds/mzz",
                "subject",
                "from",
            ]
        )
        | st.text(st.sampled_from("keywordsmailboxIds/~01$ab"), max_size=14),
        junk | st.dictionaries(text, st.sampled_from([True, False, None, 1]), max_size=2),
        max_size=3,
    )
)
def test_any_patch_is_applied_or_refused_with_a_reason(alice: Person, patch: dict[str, Any]) -> None:
    email_id = alice.deliver("Subject: x\n\ny\n", "work")

    answer = alice.call("Email/set", update={email_id: patch})

    if answer["notUpdated"]:
        assert answer["notUpdated"][email_id]["type"] in ("invalidProperties", "invalidPatch")
        assert answer["oldState"] == answer["newState"]
    assert alice.get(email_id, "mailboxIds")["mailboxIds"]
