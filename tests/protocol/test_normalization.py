"""Normalization in slices: the same text, in linear time."""

import time
import unicodedata

import pytest

from jmap.protocol.collation import COLLATIONS
from jmap.protocol.normalization import SLICE, Form, normalize


@pytest.mark.own("normalization takes time in proportion to the length of the text")
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize(
    "cluster",
    ["a", "e\u0301", "e\u0323\u0301", "\u1112\u1161\u11ab", "\uff8a\uff9f", "\u0995\u09c7\u09be", "ﬁ ", "日本", "👩‍💻"],
)
def test_a_long_text_is_normalized_as_if_it_were_whole(form: Form, cluster: str) -> None:
    for shift in range(4):
        text = "x" * shift + cluster * SLICE

        assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.own("normalization takes time in proportion to the length of the text")
@pytest.mark.parametrize("key", COLLATIONS.values())
def test_accents_without_end_keep_no_processor_busy(key) -> None:
    text = "e" + "\u0301\u0323" * 100_000

    begun = time.process_time()
    key(text)

    assert time.process_time() - begun < 2
