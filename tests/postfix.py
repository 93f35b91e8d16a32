"""Debian's Postfix with a configuration, a queue and a port of its own, for the time of a block.

Rules kept here: what every Postfix of the tests needs stands here; what makes one an MTA in front of the site, or a
smarthost behind it, are the lines that its own tests give.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import free_port, process

OWNER, GROUP = "uucp", "news"
"""Users that every Debian has and nobody is: Postfix wants an owner and a group that are used for nothing else."""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {programs}
command_directory = {programs}
meta_directory = {folder}/conf
shlib_directory = no
import_environment = LD_LIBRARY_PATH={libraries} MAIL_CONFIG MAIL_LOGTAG
mail_owner = {owner}
setgid_group = {group}
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mydestination =
mynetworks = 192.0.2.1
alias_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
"""

QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "public", "saved",
    "trace",
)  # fmt: skip


@dataclass(frozen=True)
class Postfix:
    """A Postfix that runs."""

    port: int
    folder: Path

    @property
    def log(self) -> str:
        path = self.folder / "maillog"
        return path.read_text() if path.exists() else ""

    def queue(self) -> list[str]:
        """The ids of the messages that wait."""
        places = ("incoming", "active", "deferred")
        return sorted(
            path.name for place in places for path in (self.folder / "queue" / place).rglob("*") if path.is_file()
        )


def program() -> str:
    """Postfix's master. Skips the test, with the reason, where there is none."""
    found = os.environ.get("TEST_POSTFIX")
    if not found:
        pytest.skip(os.environ.get("TEST_POSTFIX_MISSING") or "TEST_POSTFIX names no Postfix: see scripts/services.py")
    return found


@contextlib.contextmanager
def running_postfix(lines: str) -> Iterator[Postfix]:
    """Postfix with these lines of main.cf beside those that it needs to run at all."""
    master = program()
    libraries = os.environ.get("TEST_POSTFIX_LIBRARY_PATH", "")
    # A short path, since those of Unix sockets are; and one that others than its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="jmap-postfix-"))
    running = Postfix(free_port(), folder)
    try:
        _lay_out(folder)
        own = MAIN_CF.format(
            folder=folder, programs=Path(master).parent, libraries=libraries, owner=OWNER, group=GROUP
        )  # fmt: skip
        (folder / "conf" / "main.cf").write_text(own + lines)
        (folder / "conf" / "master.cf").write_text(MASTER_CF.format(port=running.port))
        command = [master, "-c", str(folder / "conf"), "-d"]
        with process(command, running.port, folder / "output", {**os.environ, "LD_LIBRARY_PATH": libraries}):
            yield running
    finally:
        shutil.rmtree(folder)


def _lay_out(folder: Path) -> None:
    """The folders that Postfix expects, with the owners that it insists on."""
    folder.chmod(0o755)
    for name in ("conf", "queue", "queue/pid", "queue/maildrop"):
        (folder / name).mkdir()
    owner = pwd.getpwnam(OWNER).pw_uid
    for path in (*(folder / "queue" / name for name in QUEUES), folder / "data"):
        path.mkdir(0o700)
        os.chown(path, owner, -1)
