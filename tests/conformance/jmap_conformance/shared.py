"""What several cases of a run need is made once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Once:
    """Results by name; who comes second waits for the first. What failed once is tried again by the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._found: dict[str, Any] = {}

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The result of that name."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._found:
                self._found[name] = make()
            return self._found[name]
