"""The bakery, open and empty, for every test that wants one."""

import pytest

from tests.protocol.bakery import Bakery


@pytest.fixture
def bakery() -> Bakery:
    return Bakery()
