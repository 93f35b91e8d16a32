"""An adapter made from a TOML file: shell commands, ports, nothing else.

The file has the tables (all optional; what is missing, the adapter cannot do):

    [values]                     # words for the templates; the environment's JMAP_ADAPTER_NAME overrides ``name``
    domain = "example.com"
    [accounts]
    make = "command {user} {password}"     # run by the shell, values quoted; {name} is a fresh word
    revoke = "command {user}"
    share = "command {owner} {guest}"
    user = "{name}@{domain}"               # what one signs in with
    address = "{user}"                     # where mail is delivered to
    [deliver]
    protocol = "lmtp"                      # or "smtp"
    host = "127.0.0.1"
    port = 24
    [receive]                              # the server's relay has to be set to this address
    host = "127.0.0.1"
    port = 2500
    [push]                                 # where the server can reach us; {port} is the port listened on
    host = "127.0.0.1"
    port = 0
    url = "https://localhost:{port}"
    certificate = "/path/chain.pem"
    key = "/path/key.pem"
"""

from __future__ import annotations

import os
import secrets
import shlex
import smtplib
import subprocess
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jmap_conformance.adapters import Submitted
from jmap_conformance.adapters.sink import PushEndpoint, PushListener, SmtpSink
from jmap_conformance.client import Principal

COMMAND_SECONDS = 60


class ConfiguredAdapter:
    """Does what its file says."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._values = {
            name: os.environ.get(f"JMAP_ADAPTER_{name.upper()}", str(value))
            for name, value in config.get("values", {}).items()
        }
        self._accounts: Mapping[str, str] = config.get("accounts", {})
        self._deliver = self._filled(config.get("deliver", {}))
        receive, push = self._filled(config.get("receive", {})), self._filled(config.get("push", {}))
        self._sink = SmtpSink(receive["host"], int(receive["port"])) if receive.get("port") else None
        self._pushes: PushListener | None = None
        if push.get("url"):
            place = push.get("host", "127.0.0.1"), int(push.get("port") or 0)
            self._pushes = PushListener(*place, push["url"], push.get("certificate", ""), push.get("key", ""))
        able = {
            "make-account": "make" in self._accounts,
            "revoke": "revoke" in self._accounts and "make" in self._accounts,
            "share": "share" in self._accounts and "make" in self._accounts,
            "deliver": bool(self._deliver.get("port")),
            "receive": self._sink is not None,
            "push-endpoint": self._pushes is not None,
        }
        self.abilities = frozenset(name for name, can in able.items() if can)

    def _filled(self, table: Mapping[str, Any]) -> dict[str, str]:
        return {key: self._fill(str(value)) for key, value in table.items()}

    def _fill(self, template: str, **values: str) -> str:
        for name, value in {**self._values, **values}.items():
            template = template.replace("{" + name + "}", value)
        return template

    def _run(self, command_name: str, /, **values: str) -> None:
        quoted = {key: shlex.quote(value) for key, value in {**self._values, **values}.items()}
        command = self._accounts[command_name]
        for key, value in quoted.items():
            command = command.replace("{" + key + "}", value)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"the adapter's command {command_name!r} failed: {done.stderr or done.stdout}")

    def make_account(self, name: str) -> Principal:
        """Run accounts.make."""
        password = secrets.token_urlsafe(12)
        user = self._fill(self._accounts.get("user", "{name}"), name=name)
        self._run("make", name=name, user=user, password=password)
        return Principal(user, password)

    def revoke(self, principal: Principal) -> None:
        """Run accounts.revoke."""
        self._run("revoke", user=principal.name)

    def share(self, owner: Principal, guest: Principal) -> None:
        """Run accounts.share."""
        self._run("share", owner=owner.name, guest=guest.name, password=owner.password)

    def address(self, principal: Principal) -> str:
        """Fill accounts.address."""
        return self._fill(self._accounts.get("address", "{user}"), user=principal.name)

    def deliver(self, recipient: str, message: bytes, mail_from: str = "sender@example.org") -> None:
        """Speak LMTP or SMTP."""
        kind = smtplib.LMTP if self._deliver.get("protocol", "lmtp") == "lmtp" else smtplib.SMTP
        with kind(self._deliver.get("host", "127.0.0.1"), int(self._deliver["port"])) as connection:
            connection.sendmail(mail_from, [recipient], message)

    def submissions(self) -> list[Submitted]:
        """What the sink took."""
        return list(self._sink.received) if self._sink else []

    def push_endpoint(self) -> PushEndpoint:
        """A new URL at the listener."""
        if self._pushes is None:
            raise RuntimeError("the adapter has no [push]")
        return self._pushes.endpoint()

    def close(self) -> None:
        """Stop listening."""
        if self._sink:
            self._sink.shutdown()
            self._sink.server_close()
        if self._pushes:
            self._pushes.close()


def load(name: str) -> ConfiguredAdapter:
    """The adapter of a file, or the one of that name that comes with the suite."""
    path = Path(name)
    ready = resources.files("jmap_conformance.adapters") / f"{name}.toml"
    text = path.read_text() if path.exists() else ready.read_text()
    return ConfiguredAdapter(tomllib.loads(text))
