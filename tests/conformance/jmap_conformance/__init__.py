"""An executable conformance suite for JMAP servers: it knows JMAP and HTTP, and nobody's code."""

__version__ = "0.1.0"
