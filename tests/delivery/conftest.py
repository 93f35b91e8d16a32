"""What the tests of delivery start from."""

from collections.abc import Callable, Iterator

import pytest

from mail.services.delivery import forwarding
from tests.delivery.post import PostOffice


@pytest.fixture
def post(db: None) -> PostOffice:
    """An account that receives mail."""
    return PostOffice.open()


@pytest.fixture
def forward_by() -> Iterator[Callable[[forwarding.Forwarder | None], None]]:
    """Registers who sends on what goes to other sites, until the end of the test."""
    before = forwarding.forwarder()
    yield forwarding.register_forwarder
    forwarding.register_forwarder(before)
