"""What keeps a site from running while it is restored, besides the database's own means: a register of contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

Guard = Callable[[], AbstractContextManager[object]]
"""Entering it raises BackupError where something runs; inside nothing can start."""

_guards: dict[str, Guard] = {}


def register(name: str, guard: Guard) -> None:
    """Add a guard; call it from ``AppConfig.ready``."""
    _guards[name] = guard


@contextmanager
def alone() -> Iterator[None]:
    """Nothing runs and nothing starts. Raises BackupError."""
    with ExitStack() as stack:
        for guard in _guards.values():
            stack.enter_context(guard())
        yield
