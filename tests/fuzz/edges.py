"""Both edges in this process, with requests as a server hands them over: paths, queries and headers of any octets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.test import Client, override_settings

from jmap.edge import asgi

Headers = Sequence[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, bytes]
    body: bytes


@dataclass
class Question:
    """What is sent; ``path`` is decoded, as servers hand it over."""

    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: bytes = b""


class OneThread:
    """Stands in for the edge's pools: one thread for all event loops, whose connection is closed at the end."""

    executor: ClassVar[ThreadPoolExecutor]

    def __init__(self, size: int, name: str) -> None:
        self.loop = asyncio.get_running_loop()

    def run(
        self, key: Any, function: Callable[..., Any], *arguments: Any, finished: Callable[[], None] | None = None
    ) -> asyncio.Future[Any]:
        """The result, or what went wrong, as a future."""
        future = self.loop.run_in_executor(self.executor, function, *arguments)
        if finished is not None:
            future.add_done_callback(lambda _: finished())
        return future

    def close(self) -> None:
        """The thread lives on for the next event loop."""


@dataclass
class AsgiEdge:
    """Our own edge, as uvicorn and daphne call it."""

    authorization: bytes
    application: asgi.Edge = field(default_factory=lambda: asgi.Edge(ASGIHandler()))

    def ask(self, question: Question) -> Answer:
        """Send it and wait for the whole answer."""
        return asyncio.run(self._ask(question))

    async def _ask(self, question: Question) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": question.method,
            "scheme": "http",
            "path": question.path,
            "raw_path": question.path.encode("utf-8", "replace"),
            "query_string": question.query,
            "root_path": "",
            "headers": [(b"host", b"localhost"), (b"authorization", self.authorization), *question.headers],
            "client": ("127.0.0.1", 1234),
            "server": ("127.0.0.1", 80),
        }
        incoming = [{"type": "http.request", "body": question.body, "more_body": False}]
        sent: list[dict[str, Any]] = []
        hung_up = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop()
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.application(scope, receive, send)
        start, *rest = sent
        assert not rest[-1].get("more_body", False)
        headers = {name.decode(): value for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message["body"] for message in rest))


@dataclass
class ViewsEdge:
    """The Django views of a host site, as a WSGI server calls them.

    One client for all questions: each would look for the site's static files anew.
    """

    authorization: bytes
    client: Client = field(default_factory=lambda: Client(raise_request_exception=True))

    def ask(self, question: Question) -> Answer:
        """Send it and wait for the whole answer."""
        environ: dict[str, Any] = {
            f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode("latin-1")
            for name, value in question.headers
            if name not in (b"content-type", b"content-length")
        }
        types = [value for name, value in question.headers if name == b"content-type"]
        environ |= {"CONTENT_TYPE": types[-1].decode("latin-1")} if types else {}
        with override_settings(ROOT_URLCONF="tests.wire.urls"):
            self.client.cookies.clear()
            response = self.client.generic(
                question.method,
                "/",
                question.body,
                environ.pop("CONTENT_TYPE", ""),
                PATH_INFO=question.path.encode().decode("latin-1"),
                QUERY_STRING=question.query.decode("latin-1"),
                HTTP_HOST="localhost",
                HTTP_AUTHORIZATION=self.authorization.decode(),
                **environ,
            )
            body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        headers = {name.lower(): value.encode("latin-1") for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)


@contextlib.contextmanager
def open_edge(
    name: str, username: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AsgiEdge | ViewsEdge]:
    """The edge of that name, for somebody who is signed in."""
    authorization = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
    if name == "views":
        yield ViewsEdge(authorization)
        return
    with ThreadPoolExecutor(1) as executor:
        OneThread.executor = executor
        monkeypatch.setattr(asgi, "WorkerPool", OneThread)
        yield AsgiEdge(authorization)
        executor.submit(connections.close_all).result()
