"""What a carrier is, and the one that carries nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from push.news import News

if TYPE_CHECKING:
    from push.hub import Hub


class Carrier(Protocol):
    """Carries news between the processes of a site."""

    def describe(self) -> str:
        """How far news reach, for the system check."""

    def publish(self, news: News) -> None:
        """Tell the other processes, from any thread; never raises, never waits."""

    async def subscribe(self, hub: Hub) -> None:
        """Give the hub what other processes publish, until cancelled."""


class NoCarrier:
    """A site of one process needs none; whatever others write is found by looking at the database."""

    def describe(self) -> str:
        """How far news reach."""
        return "nothing: changes made by other processes are found by looking at the database"

    def publish(self, news: News) -> None:
        """Nobody is told."""

    async def subscribe(self, hub: Hub) -> None:
        """Nothing comes."""
