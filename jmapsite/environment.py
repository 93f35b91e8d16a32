"""Reads settings from environment variables.

Rules kept here: an unset variable and an empty one are the same; a value that cannot be understood stops the
start with one line that names the variable; a generated secret is written once and never in a half-written state.
"""

import contextlib
import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


class Environment:
    """Typed reads from a mapping of environment variables."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self.variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """The variable's value without surrounding blanks, or the default."""
        return self.variables.get(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        """The variable as a boolean. Raises ImproperlyConfigured for any word but yes/no, on/off, true/false, 1/0."""
        value = self.text(name).lower()
        if not value:
            return default
        if value in TRUE_WORDS:
            return True
        if value in FALSE_WORDS:
            return False
        raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no.")

    def number(self, name: str, default: int, minimum: int = 0, maximum: int | None = None) -> int:
        """The variable as a whole number within bounds. Raises ImproperlyConfigured outside of them."""
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit():
            raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.")
        number = int(value)
        if number < minimum or (maximum is not None and number > maximum):
            upper = "" if maximum is None else f" and at most {maximum}"
            raise ImproperlyConfigured(f"{name}={number} must be at least {minimum}{upper}.")
        return number

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """The variable as one of a few words. Raises ImproperlyConfigured for another."""
        value = self.text(name, default)
        if value not in choices:
            raise ImproperlyConfigured(f"{name}={value!r} must be one of {', '.join(repr(c) for c in choices)}.")
        return value

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """The variable as words separated by commas or blanks."""
        value = self.text(name)
        return value.replace(",", " ").split() if value else list(default)

    def networks(self, name: str) -> list[IPNetwork]:
        """The variable as IP addresses or CIDR networks. Raises ImproperlyConfigured for anything else."""
        found = []
        for word in self.words(name):
            try:
                found.append(ipaddress.ip_network(word))
            except ValueError as error:
                raise ImproperlyConfigured(f"{name}: {word!r} is no IP address or network: {error}") from None
        return found


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secret_from_file(path: Path) -> str:
    """The secret kept in the file, made (mode 0600) on first use.

    Two processes that start at once agree on one secret: whoever links the finished file first wins.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
