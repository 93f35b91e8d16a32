"""What a spam filter said decides on Junk, where the site believes it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.delivery.post import PostOffice
from tests.store.mailroom import message

RSPAMD = [
    "X-Spam: Yes",
    "X-Rspamd-Action: add header",
    "X-Spamd-Result: default: True [15.10 / 15.00];\r\n\tBAYES_SPAM(5.10)[100%]",
]
SPAMASSASSIN = ["X-Spam-Flag: YES", "X-Spam-Status: Yes, score=12.3 required=5.0\r\n\ttests=BAYES_99"]
NO_SPAM = [
    "X-Spam: No",
    "X-Rspamd-Action: no action",
    "X-Spamd-Result: default: False [2.10 / 15.00];\r\n\tTRUE_THING(1.0)[a: true]",
    "X-Spam-Flag: NO",
    "X-Spam-Status: No, score=-1.0",
]


def _box_of(post: PostOffice, header: str) -> str:
    post.hand_in(header.encode() + b"\r\n" + message("one"))
    return "junk" if post.in_box("junk") else "inbox"


@pytest.mark.own("spam goes to Junk where the verdict is believed")
@pytest.mark.parametrize("header", RSPAMD + SPAMASSASSIN)
def test_spam_goes_to_junk(post: PostOffice, settings: Any, header: str) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"SPAM_VERDICTS": ["rspamd", "spamassassin"]}}

    assert _box_of(post, header) == "junk"


@pytest.mark.own("spam goes to Junk where the verdict is believed")
@pytest.mark.parametrize("header", NO_SPAM)
def test_what_is_no_spam_goes_to_the_inbox(post: PostOffice, settings: Any, header: str) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"SPAM_VERDICTS": ["rspamd", "spamassassin"]}}

    assert _box_of(post, header) == "inbox"


@pytest.mark.own("spam goes to Junk where the verdict is believed")
@pytest.mark.parametrize(("believed", "header"), [([], RSPAMD[0]), (["rspamd"], SPAMASSASSIN[0])])
def test_a_verdict_that_nobody_believes_decides_nothing(
    post: PostOffice, settings: Any, believed: list[str], header: str
) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"SPAM_VERDICTS": believed}}

    assert _box_of(post, header) == "inbox"
