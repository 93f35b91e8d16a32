"""What the tests of delivery start from."""

import pytest

from tests.delivery.post import PostOffice


@pytest.fixture
def post(db: None) -> PostOffice:
    """An account that receives mail."""
    return PostOffice.open()
