"""Failed log-ins, throttled for each user name and each address without locking the owner's devices out.

Rules kept here:
- an attempt from an address that the user has signed in from before counts against a bucket of that pair alone, so what
  strangers do to the name from elsewhere does not touch it;
- any other attempt counts against the bucket of the name and the bucket of the address; a success is given back;
- app passwords and tokens are random, so nobody guesses them: the name's bucket does not concern them;
- keys are the name as the user typed it, known or not, so that a throttle says nothing about who exists.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from jmap.limits import LimitStore, Rate, limit_store
from jmap.limits.stores import limit_options
from jmap.protocol.normalization import normalize

DAY = 86_400


class TooManyFailures(Exception):
    """The attempt was not even looked at; try again in ``retry_after`` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many failed log-ins")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in under way, counted as a failure until it is told otherwise."""

    store: LimitStore
    taken: tuple[tuple[str, Rate], ...]
    pair: str

    def succeeded(self) -> None:
        """Give back what was counted, and know the address from now on."""
        for key, rate in self.taken:
            self.store.refund(key, rate)
        self.store.remember(self.pair, limit_options().known_address_days * DAY)


def attempt(name: str, address: str, *, of_name: bool = True) -> Attempt:
    """Count a log-in with the user's password, against the name too unless told otherwise. Raises TooManyFailures."""
    options, store = limit_options(), limit_store()
    network = network_of(address)
    folded = normalize("NFKC", name).casefold()
    pair = f"login {folded} {network}"
    period = options.failed_logins_period
    if store.knows(pair):
        # A second refills one: nobody waits long at a user's own address because somebody mistyped.
        wanted: tuple[tuple[str, Rate], ...] = ((pair, Rate(30, 30)),)
    else:
        wanted = ((f"login from {network}", Rate(options.failed_logins_of_address, period)),)
        if of_name:
            wanted += ((f"login {folded}", Rate(options.failed_logins_of_name, period)),)
    for count, (key, rate) in enumerate(wanted):
        taken = store.take(key, rate)
        if not taken.allowed:
            for earlier, earlier_rate in wanted[:count]:
                store.refund(earlier, earlier_rate)
            raise TooManyFailures(taken.retry_after)
    return Attempt(store, wanted, pair)


def network_of(address: str) -> str:
    """The address, or for IPv6 the /64 that one customer commands."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
