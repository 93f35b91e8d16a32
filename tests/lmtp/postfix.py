"""Debian's Postfix with a configuration, a queue and a port of its own, in front of a site."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lmtp.site import Site, until
from tests.running import ROOT, accepts, free_port

OWNER, GROUP = "uucp", "news"
"""Users that every Debian has and nobody is: Postfix wants an owner and a group that are used for nothing else."""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
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

OWN_LINES = """
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
myhostname = mx.lmtp.example
mydestination =
mynetworks = 192.0.2.1
alias_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
default_transport = discard:
relay_transport = discard:
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""


@dataclass
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
def postfix(site: Site, lookups: int) -> Iterator[Postfix]:
    """Postfix with the lines of ``deploy/postfix.main.cf`` for the time of a block."""
    master = program()
    # A short path, since those of Unix sockets are.
    folder = Path(tempfile.mkdtemp(prefix="jmap-postfix-"))
    port = free_port()
    try:
        _configure(folder, Path(master).parent, site, lookups, port)
        process = subprocess.Popen(
            [master, "-c", str(folder / "conf"), "-d"],
            env={**os.environ, "LD_LIBRARY_PATH": os.environ.get("TEST_POSTFIX_LIBRARY_PATH", "")},
            stdin=subprocess.DEVNULL,
        )
        running = Postfix(port, folder)
        try:
            until(lambda: accepts(port) or process.poll() is not None)
            assert process.poll() is None, running.log
            yield running
        finally:
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder)


def _configure(folder: Path, programs: Path, site: Site, lookups: int, port: int) -> None:
    lines = (ROOT / "deploy" / "postfix.main.cf").read_text()
    lines = lines.replace("127.0.0.1:8025", f"127.0.0.1:{lookups}").replace(
        "[127.0.0.1]:8024", f"[127.0.0.1]:{site.port}"
    )
    libraries = os.environ.get("TEST_POSTFIX_LIBRARY_PATH", "")
    own = OWN_LINES.format(folder=folder, programs=programs, libraries=libraries, owner=OWNER, group=GROUP)
    folder.chmod(0o755)
    (folder / "conf").mkdir()
    (folder / "conf" / "main.cf").write_text(own + lines)
    (folder / "conf" / "master.cf").write_text(MASTER_CF.format(port=port))
    owner = pwd.getpwnam(OWNER).pw_uid
    (folder / "queue").mkdir()
    names = (
        "active",
        "bounce",
        "corrupt",
        "defer",
        "deferred",
        "flush",
        "hold",
        "incoming",
        "private",
        "public",
        "saved",
        "trace",
    )
    for path in (*(folder / "queue" / name for name in names), folder / "data"):
        path.mkdir(0o700)
        os.chown(path, owner, -1)
    for name in ("pid", "maildrop"):
        (folder / "queue" / name).mkdir()
