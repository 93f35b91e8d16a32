"""News over Redis: one channel, one subscription a process.

Rules kept here: a lost connection is made anew with growing pauses, and then the database is looked at, since what was
published meanwhile is gone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import redis
import redis.asyncio

from push.carriers.publisher import Publisher
from push.news import News, from_octets, to_octets

if TYPE_CHECKING:
    from push.hub import Hub

log = logging.getLogger("jmap.push")

CHANNEL = "jmap:news"
MAX_PAUSE = 10.0


class RedisCarrier:
    """See Carrier."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._publisher = Publisher(self._send)

    def describe(self) -> str:
        """How far news reach."""
        return "Redis: all processes of all hosts"

    def publish(self, news: News) -> None:
        """Hand over to the thread that publishes."""
        self._publisher.put(news)

    def _send(self, waiting: list[News]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for news in waiting:
            pipeline.publish(CHANNEL, to_octets(news))
        pipeline.execute()

    async def subscribe(self, hub: Hub) -> None:
        """Listen, and go on listening."""
        pause = 0.2
        while True:
            try:
                async with (
                    redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=5) as client,
                    client.pubsub(ignore_subscribe_messages=True) as subscription,
                ):
                    await subscription.subscribe(CHANNEL)
                    await hub.look()
                    pause = 0.2
                    async for message in subscription.listen():
                        news = from_octets(message["data"])
                        if news is not None:
                            hub.take(news)
            except (redis.RedisError, OSError) as error:
                log.warning("the subscription to news was lost: %s", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)
