"""The servers of the wire suite, by the edges that serve push, and a reader of event streams."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.wire.conftest import Edge, Person, Site, clerk, new_address, person, site

__all__ = ["clerk", "person", "site"]

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for what must come."""


@pytest.fixture(scope="session", params=["uvicorn", "daphne"])
def edge(request: pytest.FixtureRequest, site: Site) -> Iterator[Edge]:
    """A server for each edge that serves push."""
    site.clerk.newcomer()
    with site.server(request.param, WIRE_LIMITS=str(site.folder / f"push-limits-{request.param}")) as running:
        yield running


@dataclass
class Event:
    """One block of a stream; ``lines`` are its lines as they came."""

    name: str = ""
    data: str = ""
    id: str | None = None
    retry: int | None = None
    lines: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """The data."""
        return json.loads(self.data)


class Stream:
    """An open event stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._text = response.iter_text()
        self._rest = ""
        self.last_id = ""

    def block(self) -> Event | None:
        """The next block, None at the end of the stream."""
        while "\n\n" not in self._rest:
            try:
                self._rest += next(self._text)
            except StopIteration:
                return None
        text, self._rest = self._rest.split("\n\n", 1)
        event = Event(lines=tuple(text.split("\n")))
        for line in event.lines:
            field, _, value = line.partition(": ")
            if field == "event":
                event.name = value
            elif field == "data":
                event.data = value
            elif field == "id":
                event.id = self.last_id = value
            elif field == "retry":
                event.retry = int(value)
        return event

    def event(self) -> Event:
        """The next event, whatever else comes before it."""
        while (event := self.block()) is not None:
            if event.name:
                return event
        raise AssertionError("the stream has ended")

    def changed(self) -> dict[str, dict[str, str]]:
        """What the next event says has changed."""
        event = self.event()
        assert event.name == "state", event
        assert event.json["@type"] == "StateChange"
        return event.json["changed"]

    def ends(self) -> bool:
        """Whether the stream ends, whatever comes before."""
        while self.block() is not None:
            pass
        return True


@contextlib.contextmanager
def listening(
    edge: Edge,
    person: Person | None = None,
    *,
    types: str = "*",
    closeafter: str = "no",
    ping: str = "0",
    **options: Any,
) -> Iterator[Stream]:
    """A stream of the person's, open and told where it stands."""
    headers = options.pop("headers", {})
    query = {"types": types, "closeafter": closeafter, "ping": ping, **options.pop("query", {})}
    with edge.client(person, **options) as client:
        client.timeout = httpx.Timeout(PATIENCE)
        with client.stream("GET", "/jmap/events", params=query, headers=headers) as response:
            assert response.status_code == 200, response.read()
            stream = Stream(response)
            if "last-event-id" not in {name.lower() for name in headers}:
                assert stream.block().id is not None
            yield stream


def refused(edge: Edge, person: Person | None, **query: str) -> httpx.Response:
    """The answer to a stream that is asked for wrongly."""
    with edge.client(person, address=new_address()) as client:
        return client.get("/jmap/events", params=query)
