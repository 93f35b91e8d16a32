"""A web site of another origin: a web mail's empty page, and whatever pages a test puts there.

It stands on another port and under another name than the server (``localhost``, not ``127.0.0.1``), so that a browser
takes it for another site too. It is asked for nothing but what a page makes the browser ask for, which it remembers.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = (
    b"<!doctype html><meta charset=utf-8><title>Web mail</title><link rel=icon href=data:,><script src=ask.js></script>"
)
SCRIPT = (Path(__file__).parent / "ask.js").read_bytes()

Headers = list[tuple[str, str]]


class Elsewhere(ThreadingHTTPServer):
    """The site: its pages by path, and the paths that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.pages: dict[str, tuple[Headers, bytes]] = {
            "/": ([("Content-Type", "text/html")], PAGE),
            "/ask.js": ([("Content-Type", "text/javascript")], SCRIPT),
        }

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://localhost:{self.server_address[1]}/"

    def put(self, path: str, headers: Headers, octets: bytes) -> str:
        """Add a page with exactly these headers, and give its address."""
        self.pages[f"/{path}"] = (headers, octets)
        return self.url + path


class _Handler(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        """A page, or none."""
        self.server.asked.append(self.path)
        headers, octets = self.server.pages.get(self.path, ([], b""))
        self.send_response_only(200 if self.path in self.server.pages else 404)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: ``asked`` is the log."""


@contextlib.contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """The site for the time of a block."""
    with Elsewhere() as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
