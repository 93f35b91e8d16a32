"""The index of the database in use finds what a reader of the messages would find, and nothing else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmap import sql as generic
from mail.models import SearchText
from mail.search import backend, sql
from mail.search.query import is_match, parse
from mail.search.tokenizer import MAX_POSITIONS, MAX_REPEATS, MAX_WORD, SearchFields, message_tokens
from tests.search.support import CJK, FIELDS, Mail, canonical, contains

pytestmark = pytest.mark.django_db

WORDS = st.sampled_from(["a", "ab", "abc", "abcd", "b", "ba", "é", "Ébc", "12", "123", *CJK, "東京", "京の気", "a東"])
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", ".", "@", "-", " - ", "", ", "])), max_size=7).map(
    lambda parts: "".join(word + divider for word, divider in parts)
)
HOSTILE = st.text(
    alphabet=st.sampled_from(["a", "b", "7", "東", " ", *"&|!:*()<->\"'\\^{}+-%_@$;,\x00\n\t", "\ud800", "\U0001f389"]),
    max_size=30,
)
OPERATORS = st.lists(
    st.sampled_from(
        ["NEAR(", "AND", "OR", "NOT", "a", "b*", ":A", "<->", "tokens:", "{tokens}", '"', "''", "NULL", "%s"]
    )
).map(" ".join)


@pytest.fixture
def mail(db: None) -> Mail:
    return Mail()


@pytest.mark.rfc(8621, "4.4.1")
def test_text_looks_into_every_field(mail: Mail) -> None:
    mail.add("subject", subject="needle")
    mail.add("sender", from_="Needle <x@example.org>")
    mail.add("to", to="needle@example.org")
    mail.add("cc", cc="Ann Needle <ann@example.org>")
    mail.add("bcc", bcc="ann@needle.example.org")
    mail.add("body", body=("nothing", "a needle in hay"))
    mail.add("file", attachment_names="needle-2024.pdf")
    mail.add("none", subject="hay", body="hay")

    assert mail.find("needle") == {"subject", "sender", "to", "cc", "bcc", "body", "file"}


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_condition_looks_into_its_field_alone(mail: Mail, field: str) -> None:
    for name in FIELDS:
        mail.add(name, **{"from_" if name == "from" else name: "needle"})

    assert mail.find("needle", field) == {field}


@pytest.mark.rfc(8621, "4.4.1")
def test_every_word_must_be_found_but_each_may_be_in_a_field_of_its_own(mail: Mail) -> None:
    mail.add("both", subject="quarterly", body="the report")
    mail.add("one", subject="quarterly", body="the figures")

    assert mail.find("report quarterly") == {"both"}
    assert mail.find("report quarterly", "body") == set()


@pytest.mark.rfc(8621, "4.4.1")
def test_case_and_accents_are_folded_on_both_sides(mail: Mail) -> None:
    mail.add("german", subject="GRÖSSE der Straße")
    mail.add("plain", subject="grosse der strasse")
    mail.add("danish", body="Smørrebrød i Ålborg")
    mail.add("decomposed", body="re\u0301sume\u0301")

    assert mail.find("größe") == mail.find("GROSSE") == {"german", "plain"}
    assert mail.find("straße") == {"german", "plain"}
    assert mail.find("smorrebrod") == mail.find("SMØRREBRØD") == {"danish"}
    assert mail.find("résumé") == mail.find("resume") == {"decomposed"}


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize(
    "text",
    [
        "Jane.Doe@mail.example.org",
        "jane.doe",
        "doe",
        "mail.example.org",
        "example",
        "org",
        "doe@mail",
        "jane.doe@mail.ex",
    ],
)
def test_an_address_is_found_whole_and_by_each_part(mail: Mail, text: str) -> None:
    mail.add("jane", from_="J. D. <Jane.Doe@mail.example.org>")
    mail.add("other", from_="Mary Major <mary@elsewhere.test>")

    assert mail.find(text, "from") == {"jane"}


@pytest.mark.rfc(8621, "4.4.1")
def test_no_phrase_runs_from_one_address_into_the_next(mail: Mail) -> None:
    mail.add("two", to=("ann@example.org", "bob@example.net"))

    assert mail.find('"example org"', "to") == {"two"}
    assert mail.find('"org bob"', "to") == set()


@pytest.mark.rfc(8621, "4.4.1")
def test_a_phrase_is_these_words_in_this_order(mail: Mail) -> None:
    mail.add("right", body="the green, hill")
    mail.add("apart", body="green and hill")
    mail.add("around", body="hill green")
    mail.add("longer", body="green hills")
    mail.add("across", subject="green", body="hill")

    assert mail.find('"green hill"') == mail.find("'green hill'") == {"right"}
    assert mail.find('"green hill"*') == {"right", "longer"}
    assert mail.find("green hill") == {"right", "apart", "around", "longer", "across"}


@pytest.mark.rfc(8621, "4.4.1")
def test_an_unquoted_word_finds_what_begins_with_it(mail: Mail) -> None:
    mail.add("one", body="invoice")
    mail.add("many", body="Invoices")
    mail.add("inside", body="reinvoice")
    mail.add("short", body="in")

    assert mail.find("invoi") == {"one", "many"}
    assert mail.find('"invoice"') == {"one"}
    assert mail.find("in") == {"short"}
    assert mail.find("in*") == {"one", "many", "short"}


@pytest.mark.rfc(8621, "4.4.1")
def test_scripts_without_spaces_are_found_by_any_run_of_characters(mail: Mail) -> None:
    mail.add("weather", subject="東京の天気は晴れです")
    mail.add("kyoto", body="京都の会議tower")
    mail.add("korean", body="회의자료를 보내드립니다")
    mail.add("thai", body="สวัสดีครับ")
    mail.add("halfwidth", body="ｻｰﾊﾞｰ")

    assert mail.find("天気") == mail.find("天") == mail.find("す") == {"weather"}
    assert mail.find("東京の天気は晴れです") == {"weather"}
    assert mail.find("京") == {"weather", "kyoto"}
    assert mail.find("天東") == set()
    assert mail.find("会議tower") == {"kyoto"}
    assert mail.find("자료") == {"korean"}
    assert mail.find("ครับ") == {"thai"}
    assert mail.find("サーバー") == {"halfwidth"}


@pytest.mark.rfc(8621, "4.4.1")
def test_vowel_signs_are_part_of_words(mail: Mail) -> None:
    mail.add("hindi", body="हिन्दी में पत्र")
    mail.add("other", body="हन्द म")

    assert mail.find("हिन्दी") == {"hindi"}


def test_a_blank_text_is_in_every_message_and_bare_punctuation_in_none(mail: Mail) -> None:
    mail.add("one", body="words")
    mail.add("empty")

    assert mail.find("") == mail.find("  ") == {"one", "empty"}
    assert mail.find("?!") == mail.find('""') == set()
    assert mail.find("words !") == {"one"}


def test_an_account_never_finds_what_another_holds(mail: Mail) -> None:
    near = Mail()
    near.account = int(f"{mail.account}0")
    mail.add("mine", body="secret plan")
    near.add("theirs", body="secret plans")

    assert mail.find("secret") == mail.find("s*") == {"mine"}
    assert near.find("secret") == {"theirs"}


def test_what_leaves_the_index_is_found_no_more(mail: Mail) -> None:
    mail.add("stays", body="needle")
    key = mail.add("goes", body="needle")

    backend.unindex_emails([key, key + 1])

    assert mail.find("needle") == {"stays"}


def test_a_new_key_takes_the_words_along(mail: Mail) -> None:
    key = mail.add("moved", body="a needle in hay")
    mail.keys["moved"] = key + 500_000_000

    backend.rekey_emails([(key, key + 500_000_000)])

    assert mail.find('"needle in"') == {"moved"}


def test_reindexing_replaces_the_words(mail: Mail) -> None:
    key = mail.add("draft", body="first version")

    backend.reindex_emails([(key, mail.account, message_tokens(SearchFields(body=("second version",))))])

    assert mail.find("first") == set()
    assert mail.find("second version") == {"draft"}


def test_the_index_goes_and_comes_back(mail: Mail, on_postgresql: bool) -> None:
    mail.add("before", body="needle")

    for statement in sql.POSTGRESQL_DROP if on_postgresql else sql.SQLITE_DROP:
        generic.execute(statement, [])
    for statement in sql.POSTGRESQL_CREATE if on_postgresql else sql.SQLITE_CREATE:
        generic.execute(statement, [])
    mail.add("after", body="needle")

    assert mail.find("needle") == ({"after"} if on_postgresql else {"before", "after"})
    assert SearchText.objects.filter(version=0).exists() == on_postgresql


def test_rows_deleted_past_the_backend_leave_no_words_behind(mail: Mail) -> None:
    mail.add("gone", body="needle")

    generic.execute("DELETE FROM jmap_mail_searchtext", [])

    assert mail.find("needle") == set()


def test_a_limit_gives_any_so_many(mail: Mail) -> None:
    for number in range(5):
        mail.add(str(number), body="needle")

    found = backend.matching_ids(mail.account, "body", "needle", limit=3)

    assert len(found) == 3
    assert set(found) <= set(mail.keys.values())


def test_a_message_beyond_the_bounds_is_found_by_what_fits(mail: Mail) -> None:
    many = " ".join(f"w{number}x" for number in range(150_000))
    mail.add("huge", subject="huge", body=(many, "tail"))
    mail.add("long word", body="y" * 5_000)
    mail.add("repeats", body="again and " * 20_000)

    assert mail.find('"w0x w1x"') == {"huge"}
    assert mail.find(f'"w{MAX_POSITIONS + 5}x"') == {"huge"}
    assert mail.find(f'"w{MAX_POSITIONS + 5}x w{MAX_POSITIONS + 6}x"') == set()
    assert mail.find("w149999x") == set()
    assert mail.find("y" * MAX_WORD) == mail.find("y" * 5_000) == {"long word"}
    assert mail.find('"again and again"') == {"repeats"}


def test_repetitions_beyond_the_bound_form_no_phrase(mail: Mail) -> None:
    mail.add("one", body="the " * MAX_REPEATS + "end the last")

    assert mail.find('"the end"') == {"one"}
    assert mail.find('"the last"') == set()
    assert mail.find("end last") == {"one"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), wanted=TEXTS, quoted=st.booleans())
def test_the_index_agrees_with_a_reader(db: None, messages: list[tuple[str, str]], wanted: str, quoted: bool) -> None:
    mail = Mail()
    for number, (subject, body) in enumerate(messages):
        mail.add(str(number), subject=subject, body=body)
    terms = [wanted] if quoted else wanted.split()
    given_terms = [(canonical(term), not quoted and _size(term) >= 3) for term in terms if canonical(term)]
    expected = {
        str(number)
        for number, texts in enumerate(messages)
        if all(any(contains(canonical(text), *term) for text in texts) for term in given_terms)
    }
    if not given_terms and wanted.strip():
        expected = set()

    assert mail.find(f'"{wanted}"' if quoted and wanted else wanted) == expected


def _size(term: str) -> int:
    return sum(map(len, _query_tokens(term)))


def _query_tokens(term: str) -> tuple[str, ...]:
    return parse(term).terms[0].tokens


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HOSTILE | OPERATORS | st.text(max_size=40), body=HOSTILE | st.text(max_size=60))
def test_no_text_is_an_error_and_the_index_agrees_with_the_matcher(db: None, text: str, body: str) -> None:
    mail = Mail()
    mail.add("one", body=body)

    expected = {"one"} if is_match(parse(text), [body]) else set()

    assert mail.find(text) == mail.find(text, "body") == expected
