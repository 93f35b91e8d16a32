"""News over PostgreSQL's LISTEN and NOTIFY: one channel, one connection a process that listens.

Rules kept here:
- NOTIFY is sent by a connection of its own after the commit: inside a transaction it would take a lock of the whole
  cluster until that commits;
- a lost connection is made anew with growing pauses, and then the database is looked at.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import connection

from push.carriers.publisher import Publisher
from push.news import MAX_OCTETS, News, from_octets, to_octets
from push.sql import NOTIFY

if TYPE_CHECKING:
    from push.hub import Hub

log = logging.getLogger("jmap.push")

CHANNEL = "jmap_news"
MAX_PAUSE = 10.0


def connection_options() -> dict[str, Any]:
    """What psycopg needs to reach the site's database."""
    given = connection.get_connection_params()
    kept = {
        "dbname", "user", "password", "host", "port", "service", "sslmode", "sslrootcert", "sslcert", "sslkey",
        "connect_timeout",
    }  # fmt: skip
    return {name: value for name, value in given.items() if name in kept} | {"autocommit": True}


class PostgresCarrier:
    """See Carrier."""

    def __init__(self) -> None:
        self._publisher = Publisher(self._send)
        self._sender: psycopg.Connection[Any] | None = None

    def describe(self) -> str:
        """How far news reach."""
        return "PostgreSQL: all processes of all hosts"

    def publish(self, news: News) -> None:
        """Hand over to the thread that publishes."""
        self._publisher.put(news)

    def _send(self, waiting: list[News]) -> None:
        sender = self._sender
        if sender is None or sender.closed:
            sender = self._sender = psycopg.connect(**connection_options())
        fitting = [message.decode() for message in map(to_octets, waiting) if len(message) <= MAX_OCTETS]
        try:
            # All in one transaction, which is as short as it can be.
            sender.execute(NOTIFY, [CHANNEL, fitting])
        except psycopg.OperationalError:
            sender.close()
            raise

    async def subscribe(self, hub: Hub) -> None:
        """Listen, and go on listening."""
        pause = 0.2
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**connection_options()) as listener:
                    await listener.execute(f"LISTEN {CHANNEL}")
                    await hub.look()
                    pause = 0.2
                    async for message in listener.notifies():
                        news = from_octets(message.payload.encode())
                        if news is not None:
                            hub.take(news)
            except (psycopg.Error, OSError) as error:
                log.warning("the subscription to news was lost: %s", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)
