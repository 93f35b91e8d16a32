"""The demo of the embedded default: one domain, two people with mailboxes, one administrator, random passwords.

Rules kept here: only the first run makes it, that is one without any user; the passwords are printed once and stand in
DATA_DIR/demo.json, which only its owner may read; a run cut short is completed by the next one, with the same
passwords.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from jmapsite.provision import ensure_admin, ensure_mailbox

DOMAIN = "demo.example"
PEOPLE = {"alice": "Alice", "bob": "Bob"}
ADMIN = "admin"


@dataclass
class Login:
    """Somebody's name and password; an administrator has no address."""

    username: str
    password: str
    address: str | None = None


@dataclass
class Demo:
    """What the demo consists of; its file holds the same in camelCase."""

    session_url: str
    admin_url: str
    accounts: list[Login]
    admin: Login
    lmtp: str | None = None
    """Where mail comes in."""

    def as_json(self) -> dict[str, Any]:
        """The content of the file."""
        admin = {"username": self.admin.username, "password": self.admin.password}
        accounts = [asdict(login) for login in self.accounts]
        urls = {"sessionUrl": self.session_url, "adminUrl": self.admin_url, "lmtp": self.lmtp}
        return {**urls, "accounts": accounts, "admin": admin}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Demo":
        """The demo that the content of a file describes."""
        accounts = [Login(**login) for login in value["accounts"]]
        return cls(value["sessionUrl"], value["adminUrl"], accounts, Login(**value["admin"]), value.get("lmtp"))

    def write(self, path: Path) -> None:
        """Put the file in place whole, readable for its owner only."""
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.as_json(), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)


def read(path: Path) -> Demo | None:
    """The demo that the file describes, or None where there is no file."""
    try:
        return Demo.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def ensure_demo(data_dir: Path, session_url: str, admin_url: str, lmtp: str | None) -> tuple[Demo | None, bool]:
    """Make the demo on the first run and keep what its file says of where things are current.

    Gives the demo, None on a site with users of its own, and whether it was made just now.
    """
    path, unfinished = data_dir / "demo.json", data_dir / "demo.unfinished.json"
    begun = read(unfinished)
    if begun is None:
        demo = read(path)
        if demo is not None and (demo.session_url, demo.admin_url, demo.lmtp) != (session_url, admin_url, lmtp):
            demo.session_url, demo.admin_url, demo.lmtp = session_url, admin_url, lmtp
            demo.write(path)
        if get_user_model()._default_manager.exists():
            return demo, False
        begun = new_demo(session_url, admin_url)
        begun.write(unfinished)
    begun.session_url, begun.admin_url, begun.lmtp = session_url, admin_url, lmtp
    ensure_admin(begun.admin.username, begun.admin.password)
    for login in begun.accounts:
        ensure_mailbox(login.username, login.password, PEOPLE[login.username.partition("@")[0]])
    begun.write(path)
    unfinished.unlink()
    return begun, True


def new_demo(session_url: str, admin_url: str) -> Demo:
    """A demo with fresh random passwords, nothing of it made yet."""
    addresses = [f"{name}@{DOMAIN}" for name in PEOPLE]
    accounts = [Login(address, secrets.token_urlsafe(12), address) for address in addresses]
    return Demo(session_url, admin_url, accounts, Login(ADMIN, secrets.token_urlsafe(12)))
