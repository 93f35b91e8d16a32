"""The seam between the core's services and the wire; importing it declares what the core itself speaks."""

from jmap.datatypes import blob

__all__ = ["blob"]
