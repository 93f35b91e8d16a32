"""What the tests of the network edge start from."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mail.lmtp.conf import LmtpOptions
from tests.delivery.post import PostOffice
from tests.lmtp.running import Running, running


@pytest.fixture
def post(transactional_db: None) -> PostOffice:
    """An account that receives mail, seen by every thread."""
    return PostOffice.open()


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Starts servers with options of the test's."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(dataclasses.replace(LmtpOptions(), **options)))


@pytest.fixture
def lmtp(serve: Callable[..., Running]) -> Running:
    """A server with the default options."""
    return serve()
