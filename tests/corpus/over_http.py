"""A site of its own with imported mail, and a client that reads it over HTTP."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.running import environment, free_port, manage, serve
from tests.wire.conftest import database_url

USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
ADDRESS, PASSWORD = "reader@home.example", "a long enough sentence"


@dataclass
class HttpReader:
    """A client that knows nothing but the Session object."""

    client: httpx.Client
    session: dict[str, Any]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def account_id(self) -> str:
        """The account that mail is read from."""
        return self.session["primaryAccounts"][USING[1]]

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one call."""
        call = [method, {"accountId": self.account_id, **arguments}, f"c{next(self._numbers)}"]
        answer = self.client.post(self.session["apiUrl"], json={"using": USING, "methodCalls": [call]})
        assert answer.status_code == 200, answer.text
        [[name, found, call_id]] = answer.json()["methodResponses"]
        assert (name, call_id) == (method, call[2]), found
        return found

    def octets(self, blob_id: str) -> bytes:
        """What a download of a blob gives."""
        values = {"accountId": self.account_id, "blobId": blob_id, "name": "a name.eml", "type": "text/plain"}
        url = self.session["downloadUrl"]
        for name, value in values.items():
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.text
        return answer.content


@contextlib.contextmanager
def http_reader(folder: Path, paths: Sequence[Path]) -> Iterator[HttpReader]:
    """A site that is set up, filled and served by the project's own commands."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "server.log"
    with database_url(folder) as url:
        variables = environment(
            folder / "data",
            DATABASE_URL=url,
            SETUP_ADMIN_PASSWORD=PASSWORD,
            SETUP_MAILBOX_PASSWORD=PASSWORD,
        )
        for command in (
            ["setup", "--admin", "keeper", "--address", ADDRESS],
            ["import_mail", "--verbosity", "0", ADDRESS, *map(str, paths)],
        ):
            done = manage(*command, variables=variables)
            assert done.returncode == 0, done.stderr
        root = f"http://127.0.0.1:{port}"
        with serve(port, log, variables), httpx.Client(auth=(ADDRESS, PASSWORD), timeout=60) as client:
            session = client.get(f"{root}/.well-known/jmap", follow_redirects=True)
            assert session.status_code == 200, session.text
            yield HttpReader(client, session.json())
