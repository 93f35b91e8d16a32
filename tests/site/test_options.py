"""The one dictionary setting of the applications: typed, with defaults, and checked with clear messages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import INFO, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from jmap.conf import OptionsReader, check_options, jmap_options, option


def problems() -> list[str]:
    """What the system check says about the setting."""
    return [message.msg for message in check_options()]


def test_the_shipped_settings_pass_every_check() -> None:
    assert [message for message in run_checks() if message.level > INFO] == []


@override_settings(JMAP={"MAX_SIZE_UPLOAD": "much"})
def test_a_wrong_value_is_found_by_the_checks_of_django() -> None:
    assert "jmap_core.E001" in [message.id for message in run_checks()]


@override_settings(JMAP={})
def test_every_option_has_a_default() -> None:
    assert jmap_options().max_size_upload == 50_000_000
    assert jmap_options().strict_using is False
    assert problems() == []


@override_settings(JMAP={"MAX_CALLS_IN_REQUEST": 64, "BLOB_ROOT": "/data/blobs", "TRUSTED_PROXIES": ["10.0.0.0/8"]})
def test_values_come_in_the_declared_type() -> None:
    options = jmap_options()

    assert options.max_calls_in_request == 64
    assert options.blob_root == Path("/data/blobs")
    assert options.trusted_proxies[0].prefixlen == 8


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"MAX_CALS": 1}, 'JMAP has no option "MAX_CALS"'),
        ({"MAX_OBJECTS_IN_GET": "500"}, 'JMAP["MAX_OBJECTS_IN_GET"] must be a whole number.'),
        ({"MAX_OBJECTS_IN_GET": True}, 'JMAP["MAX_OBJECTS_IN_GET"] must be a whole number.'),
        ({"MAX_OBJECTS_IN_GET": 0}, 'JMAP["MAX_OBJECTS_IN_GET"] must be at least 1.'),
        ({"STRICT_USING": 1}, 'JMAP["STRICT_USING"] must be True or False.'),
        ({"BLOB_ROOT": 7}, 'JMAP["BLOB_ROOT"] must be a path.'),
        ({"TRUSTED_PROXIES": "10.0.0.1"}, 'JMAP["TRUSTED_PROXIES"] must be a list.'),
        ({"TRUSTED_PROXIES": ["lb"]}, "JMAP[\"TRUSTED_PROXIES\"] holds 'lb', which is no IP address or network."),
        ({"LIMITS": 3}, 'JMAP["LIMITS"] must be a dictionary.'),
        ([], "JMAP must be a dictionary."),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(setting: Any, message: str) -> None:
    with override_settings(JMAP=setting):
        found = problems()

    assert any(problem.startswith(message) for problem in found), found


@override_settings(JMAP={"MAX_SIZE_REQUEST": -1})
def test_a_wrong_value_is_never_used() -> None:
    with pytest.raises(ImproperlyConfigured, match="MAX_SIZE_REQUEST"):
        jmap_options()


@pytest.fixture
def forget_readers() -> Any:
    """Take readers that a test makes out of the list again."""
    before = list(OptionsReader.readers)
    yield
    OptionsReader.readers[:] = before


@pytest.mark.usefixtures("forget_readers")
def test_an_app_keeps_its_options_in_a_section() -> None:
    @dataclass(frozen=True)
    class BakeryOptions:
        ovens: int = option(1, minimum=1, maximum=4)

    bakery = OptionsReader(BakeryOptions, section="BAKERY")

    with override_settings(JMAP={"BAKERY": {"OVENS": 3}}):
        assert bakery().ovens == 3
    with override_settings(JMAP={"BAKERY": {"OVENS": 5}}):
        assert problems() == ['JMAP["BAKERY"]["OVENS"] must be at most 4.']


def test_an_option_without_a_default_refuses_to_start() -> None:
    @dataclass(frozen=True)
    class HalfDeclared:
        name: str

    with pytest.raises(TypeError, match="HalfDeclared"):
        OptionsReader(HalfDeclared)
