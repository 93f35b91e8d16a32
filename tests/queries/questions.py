"""Random queries over the small world, as hypothesis strategies."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from mail.queries import conditions as asked
from tests.queries.world import FIRST_DAY, KEYWORDS, MAILBOXES, WORDS

moments = st.integers(-10, 160).map(lambda hours: FIRST_DAY + timedelta(hours=hours))
keywords = st.sampled_from([*KEYWORDS, "unheard-of"])
texts = st.sampled_from([*WORDS, "alpha", "adam", "nowhere"])


def leaves(boxes: list[int]) -> st.SearchStrategy[asked.Filter]:
    """One condition of any kind."""
    box = st.sampled_from([*boxes, asked.NO_MAILBOX])
    return st.one_of(
        box.map(asked.InMailbox),
        st.lists(box, max_size=MAILBOXES - 1).map(lambda some: asked.InMailboxOtherThan(tuple(some))),
        moments.map(asked.Before),
        moments.map(asked.After),
        st.integers(300, 600).map(asked.MinSize),
        st.integers(300, 600).map(asked.MaxSize),
        keywords.map(asked.HasKeyword),
        keywords.map(lambda keyword: asked.Not((asked.HasKeyword(keyword),))),
        st.builds(asked.ThreadKeyword, st.sampled_from(["all", "some", "none"]), keywords),
        st.booleans().map(asked.HasAttachment),
        st.builds(asked.Text, st.sampled_from(asked.TEXT_FIELDS), texts),
        st.builds(asked.Header, st.just("X-Mark"), st.sampled_from([None, "left", "turn"])),
    )


def trees(boxes: list[int]) -> st.SearchStrategy[asked.Filter]:
    """Filters as clients nest them: often a mailbox, alone or with something else."""
    parts = st.recursive(
        leaves(boxes),
        lambda inner: st.builds(
            lambda kind, some: kind(tuple(some)),
            st.sampled_from([asked.And, asked.Or, asked.Not]),
            st.lists(inner, max_size=3),
        ),
        max_leaves=4,
    )
    in_mailbox = st.sampled_from(boxes).map(asked.InMailbox)
    return st.one_of(
        st.just(asked.EVERYTHING),
        in_mailbox,
        st.builds(lambda box, part: asked.And((box, part)), in_mailbox, leaves(boxes)),
        parts,
    )


keys = st.one_of(
    st.builds(asked.SortKey, st.sampled_from(["received_at", "size", "sent_at"]), st.booleans()),
    st.builds(
        asked.SortKey,
        st.sampled_from(["from", "to", "subject"]),
        st.booleans(),
        st.sampled_from(["i;unicode-casemap", "i;ascii-casemap", "i;octet"]),
    ),
    st.builds(
        lambda name, ascending, keyword: asked.SortKey(name, ascending, keyword=keyword),
        st.sampled_from(["has_keyword", "all_in_thread", "some_in_thread"]),
        st.booleans(),
        keywords,
    ),
)
newest_first = asked.NEWEST_FIRST[0]
sorts = st.one_of(
    st.just(asked.NEWEST_FIRST),
    st.just((asked.SortKey("received_at"),)),
    keys.map(lambda key: (key, newest_first)),
    st.lists(keys, min_size=1, max_size=3).map(tuple),
)


def queries(boxes: list[int]) -> st.SearchStrategy[asked.EmailQuery]:
    """A query without a window."""
    return st.builds(
        asked.EmailQuery,
        filter=trees(boxes),
        sort=sorts,
        collapse_threads=st.booleans(),
        calculate_total=st.booleans(),
    )
