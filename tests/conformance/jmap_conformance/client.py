"""A JMAP client that writes down every exchange.

Rules kept here: nothing is retried, nothing repaired; what the server sent is what a case sees. Secrets do not get
into the record: the Authorization header is replaced by a placeholder there.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from jmap_conformance import check
from jmap_conformance.outcome import Failure

KEPT = 40
"""Exchanges kept for each case; a failure is explained by the last ones."""

SHOWN_BYTES = 20_000
TIMEOUT = httpx.Timeout(30.0)

CORE = "urn:ietf:params:jmap:core"
CAPABILITY_OF = {
    **dict.fromkeys(("Mailbox", "Thread", "Email", "SearchSnippet"), "urn:ietf:params:jmap:mail"),
    **dict.fromkeys(("Identity", "EmailSubmission"), "urn:ietf:params:jmap:submission"),
    "VacationResponse": "urn:ietf:params:jmap:vacationresponse",
    "Quota": "urn:ietf:params:jmap:quota",
    "SieveScript": "urn:ietf:params:jmap:sieve",
    "MDN": "urn:ietf:params:jmap:mdn",
}
"""The capability that the methods of a type belong to."""


@dataclass(frozen=True)
class Principal:
    """Somebody who may sign in: a name with a password, or a bearer token."""

    name: str = ""
    password: str = ""
    token: str = ""

    @property
    def authorization(self) -> str:
        """The value of the Authorization header."""
        if self.token:
            return f"Bearer {self.token}"
        pair = f"{self.name}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


@dataclass
class Exchange:
    """A request, and the response to it."""

    method: str
    url: str
    request_headers: dict[str, str]
    request_body: bytes
    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    seconds: float = 0.0

    @property
    def json(self) -> Any:
        """The body as JSON, strictly: a member given twice or a number that is none is a Failure."""
        try:
            return json.loads(self.body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, UnicodeDecodeError) as error:
            raise Failure(f"{self.method} {self.url}: the body is not I-JSON ({error})") from error

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def as_json(self) -> dict[str, Any]:
        """For the reports."""
        return {
            "method": self.method,
            "url": self.url,
            "requestHeaders": self.request_headers,
            "request": _shown(self.request_body),
            "status": self.status,
            "headers": dict(self.headers),
            "response": _shown(self.body),
        }

    def curl(self) -> str:
        """The shortest command that sends the request again; the credentials stand in $AUTHORIZATION."""
        parts = ["curl", "-si"]
        if self.method not in ("GET", "POST") or (self.method == "POST" and not self.request_body):
            parts += ["-X", self.method]
        for name, value in self.request_headers.items():
            if name.lower() == "authorization":
                parts += ["-H", '"Authorization: $AUTHORIZATION"']
            elif name.lower() not in ("content-length", "host"):
                parts += ["-H", shlex.quote(f"{name}: {value}")]
        end = ""
        if self.request_body:
            try:
                text = self.request_body.decode()
                parts += ["--data-raw" if len(text) < SHOWN_BYTES else "--data-binary"]
                parts += [shlex.quote(text) if len(text) < SHOWN_BYTES else "@body"]
            except UnicodeDecodeError:
                parts += ["--data-binary", "@-"]
                end = f"base64 -d <<< {base64.b64encode(self.request_body[:SHOWN_BYTES]).decode()} | "
        return end + " ".join([*parts, shlex.quote(self.url)])


class Client:
    """One principal's view of a server."""

    def __init__(self, session_url: str, principal: Principal | None) -> None:
        self.session_url = session_url
        self.principal = principal
        self.exchanges: list[Exchange] = []
        self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._session: dict[str, Any] | None = None

    def fork(self) -> Client:
        """A client of the same principal with a record of its own; the connections are shared."""
        twin = Client.__new__(Client)
        twin.session_url, twin.principal, twin.exchanges = self.session_url, self.principal, []
        twin._http, twin._session = self._http, self._session
        return twin

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # -- HTTP

    def http(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        authorize: bool = True,
    ) -> Exchange:
        """Send one request as it stands, follow nothing."""
        sent = dict(headers or {})
        if authorize and self.principal is not None and "Authorization" not in sent:
            sent["Authorization"] = self.principal.authorization
        kept = {name: ("$AUTHORIZATION" if name == "Authorization" else value) for name, value in sent.items()}
        exchange = Exchange(method, url, kept, body)
        self.exchanges = [*self.exchanges[-KEPT + 1 :], exchange]
        begun = time.monotonic()
        try:
            response = self._http.request(method, url, content=body or None, headers=sent)
        except httpx.HTTPError as error:
            raise Failure(f"{method} {url}: no answer ({type(error).__name__}: {error})") from error
        finally:
            exchange.seconds = time.monotonic() - begun
        exchange.status, exchange.headers, exchange.body = response.status_code, response.headers, response.content
        return exchange

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, authorize: bool = True) -> Exchange:
        """GET, following redirects within the same server as a client of RFC 8620 §2.2 does."""
        for _ in range(5):
            exchange = self.http("GET", url, headers=headers, authorize=authorize)
            if exchange.status not in (301, 302, 303, 307, 308):
                return exchange
            url = urljoin(url, exchange.headers.get("location", ""))
        raise Failure(f"too many redirects at {url}")

    # -- session

    @property
    def session(self) -> dict[str, Any]:
        """The Session object; fetched once."""
        if self._session is None:
            self.refresh()
        assert self._session is not None
        return self._session

    def refresh(self) -> dict[str, Any]:
        """Fetch the Session object anew."""
        exchange = self.get(self.session_url)
        check.same(exchange.status, 200, "the status of the session resource")
        session = exchange.json
        check.has(session, ("capabilities", "accounts", "primaryAccounts", "apiUrl"), "the Session object")
        self.session_url = exchange.url
        self._session = session
        return dict(session)

    def url(self, template_name: str, /, **variables: str) -> str:
        """A URL of the session, with the variables of its template filled in."""
        template = self.session.get(template_name)
        check.that(isinstance(template, str), f"the Session object has no {template_name}")
        text = re.sub(r"\{(\w+)\}", lambda found: quote(variables.get(found[1], ""), safe=""), str(template))
        return urljoin(self.session_url, text)

    def has(self, capability: str) -> bool:
        """Whether the server offers the capability to this principal."""
        return capability in self.session["capabilities"]

    def account(self, capability: str = "urn:ietf:params:jmap:mail") -> str:
        """The id of the account that is meant for the capability."""
        primary = self.session["primaryAccounts"]
        for wanted in (capability, "urn:ietf:params:jmap:mail"):
            if wanted in primary:
                return str(primary[wanted])
        accounts = self.session["accounts"]
        mine = [key for key, account in accounts.items() if account.get("isPersonal")]
        check.that(mine or accounts, "the session shows no account")
        return str((mine or list(accounts))[0])

    def limit(self, name: str) -> int:
        """A limit of the core capability."""
        value = self.session["capabilities"].get("urn:ietf:params:jmap:core", {}).get(name)
        check.is_unsigned(value, name)
        return int(value)

    def using(self, calls: list[Any]) -> list[str]:
        """What a request opts into unless a case says otherwise: what its methods need, as far as it is offered."""
        wanted = [CORE]
        for call in calls:
            prefix = str(call[0]).partition("/")[0]
            wanted += [CAPABILITY_OF[prefix]] if prefix in CAPABILITY_OF else []
        return [name for name in dict.fromkeys(wanted) if self.has(name)]

    # -- API

    def post(self, body: Any, headers: Mapping[str, str] | None = None) -> Exchange:
        """POST to the API: an object is sent as JSON, bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.http("POST", urljoin(self.session_url, self.session["apiUrl"]), content, sent)

    def request(self, calls: list[Any], using: list[str] | None = None, **properties: Any) -> Exchange:
        """A Request of the method calls; the exchange, whatever became of it."""
        return self.post({"using": self.using(calls) if using is None else using, "methodCalls": calls, **properties})

    def calls(self, *calls: Any, using: list[str] | None = None, **properties: Any) -> list[list[Any]]:
        """The methodResponses of a Request whose calls are (name, arguments) or (name, arguments, call id).

        accountId is filled in where it is not given.
        """
        full = []
        for number, (name, arguments, *call_id) in enumerate(calls):
            arguments = self.with_account(name, arguments)
            full.append([name, arguments, call_id[0] if call_id else f"c{number}"])
        exchange = self.request(full, using, **properties)
        check.same(exchange.status, 200, f"the status of a request with {', '.join(call[0] for call in full)}")
        responses = exchange.json.get("methodResponses")
        sound = isinstance(responses, list) and all(isinstance(each, list) and len(each) == 3 for each in responses)
        check.that(sound, f"methodResponses is not a list of invocations: {check.show(responses)}")
        return list(responses)

    def with_account(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the accountId that the method is meant for."""
        if "accountId" in arguments or "#accountId" in arguments or name in ("Core/echo",):
            return dict(arguments)
        if name.startswith(("PushSubscription/", "Blob/copy")):
            return dict(arguments)
        if name.startswith(("Identity/", "EmailSubmission/")):
            return {"accountId": self.account("urn:ietf:params:jmap:submission"), **arguments}
        if name.startswith("VacationResponse/"):
            return {"accountId": self.account("urn:ietf:params:jmap:vacationresponse"), **arguments}
        return {"accountId": self.account(), **arguments}

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one call that has to succeed."""
        return self.first(self.calls((method, arguments)), method)

    def first(self, responses: list[list[Any]], method: str) -> dict[str, Any]:
        """The arguments of the first response, which has to be one to the method."""
        check.that(responses, f"{method} got no response")
        name, arguments, _ = responses[0]
        check.that(name == method, f"{method} was answered by {name} {check.show(arguments)}")
        return dict(arguments)

    def error(self, method: str, *types: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the error that one call has to end in; of one of the types, if any are given."""
        responses = self.calls((method, arguments))
        check.that(responses, f"{method} got no response")
        name, answer, _ = responses[0]
        wanted = " or ".join(types) or "an error"
        check.that(name == "error", f"{method} should be rejected with {wanted}, the response was {check.show(answer)}")
        if types:
            check.one_of(answer.get("type"), types, f"the type of the error of {method}")
        return dict(answer)

    # -- blobs

    def put(self, data: bytes, media_type: str = "application/octet-stream", account: str = "") -> Exchange:
        """Upload; the exchange, whatever became of it."""
        url = self.url("uploadUrl", accountId=account or self.account())
        return self.http("POST", url, data, {"Content-Type": media_type})

    def upload(self, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Upload, and the blobId."""
        exchange = self.put(data, media_type)
        check.one_of(exchange.status, (200, 201), "the status of an upload")
        blob = exchange.json.get("blobId")
        check.is_id(blob, "blobId")
        return str(blob)

    def download(
        self, blob: str, name: str = "file", media_type: str = "application/octet-stream", account: str = ""
    ) -> Exchange:
        """Download; the exchange, whatever became of it."""
        fields = {"accountId": account or self.account(), "blobId": blob, "name": name, "type": media_type}
        return self.get(self.url("downloadUrl", **fields))

    def content(self, blob: str) -> bytes:
        """The octets of a blob that has to be there."""
        exchange = self.download(blob)
        check.same(exchange.status, 200, f"the status of a download of {blob}")
        return exchange.body

    @property
    def host(self) -> tuple[str, int, bool]:
        """Host, port and whether it is TLS, for cases that open connections themselves."""
        parts = urlsplit(urljoin(self.session_url, self.session["apiUrl"]))
        tls = parts.scheme == "https"
        return parts.hostname or "", parts.port or (443 if tls else 80), tls


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has two members of the same name")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _shown(body: bytes) -> str:
    try:
        text = body[:SHOWN_BYTES].decode("utf-8", "strict" if len(body) <= SHOWN_BYTES else "ignore")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body[:SHOWN_BYTES]).decode()
    return text if len(body) <= SHOWN_BYTES else f"{text}… ({len(body)} octets)"
