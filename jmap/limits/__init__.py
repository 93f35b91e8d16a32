"""Flood control (RFC 8620 §2, §8.5): slots in flight, rates and known addresses, shared by all worker processes."""

from jmap.limits.ports import Lease, LimitStore, Rate, Taken
from jmap.limits.stores import limit_store

__all__ = ["Lease", "LimitStore", "Rate", "Taken", "limit_store"]
