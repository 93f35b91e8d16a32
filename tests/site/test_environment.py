"""Settings read from environment variables: understood, or refused with a line that names the variable."""

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from jmapsite.environment import Environment, is_loopback, secret_from_file
from jmapsite.settings import database, default_hosts


def test_an_empty_variable_is_an_unset_one() -> None:
    env = Environment({"PORT": " "})

    assert env.number("PORT", 8000) == 8000


@pytest.mark.parametrize(("word", "meaning"), {"yes": True, "1": True, "ON": True, "false": False, "0": False}.items())
def test_flags_are_understood_in_usual_words(word: str, meaning: bool) -> None:
    assert Environment({"DEBUG": word}).flag("DEBUG", default=not meaning) is meaning


@pytest.mark.parametrize("value", ["eighty", "-1", "0", "65536", "8_0", "٨"])
def test_a_port_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORT"):
        Environment({"PORT": value}).number("PORT", 8000, minimum=1, maximum=65535)


def test_a_word_that_is_no_choice_is_refused_with_the_choices() -> None:
    with pytest.raises(ImproperlyConfigured, match="SERVER='gunicorn' must be one of 'daphne', 'uvicorn'"):
        Environment({"SERVER": "gunicorn"}).choice("SERVER", "daphne", ("daphne", "uvicorn"))


def test_proxies_are_addresses_and_networks() -> None:
    networks = Environment({"TRUSTED_PROXIES": "10.0.0.0/8, ::1 192.0.2.7"}).networks("TRUSTED_PROXIES")

    assert [str(network) for network in networks] == ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES: 'frontend'"):
        Environment({"TRUSTED_PROXIES": "frontend"}).networks("TRUSTED_PROXIES")


def test_a_generated_secret_is_kept_and_readable_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"

    secret = secret_from_file(path)

    assert len(secret) > 50
    assert secret_from_file(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]


HOSTS = {
    "127.0.0.1": True,
    "127.9.9.9": True,
    "::1": True,
    "[::1]": True,
    "localhost": True,
    "0.0.0.0": False,
    "192.0.2.1": False,
    "mail.example": False,
}


@pytest.mark.parametrize(("host", "loopback"), HOSTS.items())
def test_only_addresses_of_this_machine_alone_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_server_on_loopback_answers_to_loopback_names_only() -> None:
    assert default_hosts("127.0.0.1") == ["127.0.0.1", "[::1]", "localhost"]


def test_a_server_on_an_address_answers_to_it() -> None:
    assert "192.0.2.1" in default_hosts("192.0.2.1")
    assert "[2001:db8::1]" in default_hosts("2001:db8::1")
    assert "0.0.0.0" not in default_hosts("0.0.0.0")


def test_sqlite_is_durable_and_keeps_foreign_keys() -> None:
    config = database("sqlite:////data/db.sqlite3", "none")

    assert config["NAME"] == "/data/db.sqlite3"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        assert pragma in config["OPTIONS"]["init_command"]


def test_postgresql_keeps_connections_and_prepares_statements() -> None:
    config = database("postgresql://u:p@db.example:5433/mail", "none")

    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", 5433, "mail")
    assert config["CONN_MAX_AGE"] is None
    assert config["OPTIONS"] == {
        "server_side_binding": True,
        "prepare_threshold": 2,
        "options": "-c plan_cache_mode=force_generic_plan -c jit=off",
    }


def test_a_transaction_pooler_rules_out_prepared_statements_and_cursors() -> None:
    config = database("postgresql://u:p@db.example/mail", "transaction")

    assert config["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert config["OPTIONS"] == {}


@pytest.mark.parametrize("url", ["mysql://u:p@db.example/mail", "nonsense", "http://db.example/"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        database(url, "none")
