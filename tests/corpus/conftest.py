"""People to import mail for."""

from __future__ import annotations

from tests.mail.email.conftest import alice, people

__all__ = ["alice", "people"]
