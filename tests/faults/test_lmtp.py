"""Mail that was accepted is there, once, whatever is killed; durable before 250; large messages and full disks."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.lmtp.client import Client
from tests.lmtp.site import Site, message, open_site, serving, until

pytestmark = [pytest.mark.faults, pytest.mark.own("what was acknowledged is there once, whatever is killed")]

MEGABYTE = 1_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path, "lmtp_faults") as site:
        yield site


# -------------------------------------------------------------------------------------------------------- nothing lost


class Sender(threading.Thread):
    """An MTA: sends each message again until every recipient has answered 250."""

    def __init__(self, site: Site, name: str, count: int, acknowledged: list[tuple[str, str]]) -> None:
        super().__init__(name=name)
        self.site = site
        self.acknowledged = acknowledged
        self.attempts = 0
        dice = random.Random(name)
        self.queue = [
            (f"{name}x{number}", dice.sample(site.addresses, dice.choice((1, 1, 2)))) for number in range(count)
        ]
        self.pause = threading.Event()

    def run(self) -> None:
        while self.queue:
            with contextlib.suppress(OSError), self.site.connect() as client:
                while self.queue and self.send(client):
                    pass
            self.pause.wait(0.05)

    def send(self, client: Client) -> bool:
        """One attempt at the first message, of which stays what was not accepted; tells whether all was."""
        self.attempts += 1
        subject, recipients = self.queue[0]
        found = client.deliver(message(subject), recipients)
        assert not any(answer.startswith("5") for answer in found.values()), found
        accepted = [one for one, answer in found.items() if answer.startswith("250 2.1.5 delivered")]
        self.acknowledged += [(one.partition("@")[0], subject) for one in accepted]
        self.queue[0] = (subject, [one for one in recipients if one not in accepted])
        if self.queue[0][1]:
            return False
        del self.queue[0]
        return True


def cut_connections(url: str) -> None:
    """Let the database server hang up on everybody who works with the site's database."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_of_a_thousand_deliveries_none_is_lost_or_doubled_whatever_is_killed(tmp_path: Path) -> None:
    with open_site(tmp_path, "lmtp_kills", accounts=3) as site:
        acknowledged: list[tuple[str, str]] = []
        senders = [Sender(site, name, 250, acknowledged) for name in "abcd"]
        expected = sorted(
            (one.partition("@")[0], subject) for sender in senders for subject, to in sender.queue for one in to
        )
        dice = random.Random(11)
        url = site.variables["DATABASE_URL"]
        with site.lmtpd() as watching:
            for sender in senders:
                sender.start()
            for moment in sorted(dice.sample(range(20, 1_000), 10)):
                until(lambda moment=moment: len(acknowledged) >= moment, 60)
                if url.startswith("postgres") and dice.random() < 0.5:
                    cut_connections(url)
                else:
                    os.kill(serving(watching), signal.SIGKILL)
            for sender in senders:
                sender.join(90)
        found = site.recount()

    assert not any(sender.is_alive() for sender in senders)
    assert sum(sender.attempts for sender in senders) > 1_000, "nothing was hit"
    assert sorted(acknowledged) == expected
    assert found == expected


# ------------------------------------------------------------------------------------------------------------ durable


def strace() -> list[str]:
    """The command that tells of system calls, where it may; its own libraries are not those of what it follows."""
    program = os.environ.get("TEST_STRACE")
    if program is None:
        pytest.skip("TEST_STRACE names no strace: run under `scripts/services.py run strace -- ...`")
    libraries = os.environ.get("TEST_STRACE_LIBRARY_PATH")
    command = ["env", f"LD_LIBRARY_PATH={libraries}", program, "-E", "LD_LIBRARY_PATH"] if libraries else [program]
    if subprocess.run([*command, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("strace may not follow processes here (ptrace is not permitted)")
    return command


def calls(trace: str) -> list[str]:
    """System calls in the order in which they began, for what is sent, and ended, for everything else."""
    begun: dict[str, str] = {}
    found = []
    for line in trace.splitlines():
        thread, _space, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call
            if call.startswith("sendto"):
                found.append(call)
        elif resumed := re.match(r"<\.\.\. (\w+) resumed>(.*)", call):
            before = begun.pop(thread, "").removesuffix("<unfinished ...>")
            if resumed[1] != "sendto":
                found.append(before + resumed[2])
        else:
            found.append(call)
    return found


def first(found: Sequence[str], pattern: str, start: int = 0) -> int:
    """Where a call of that pattern stands. Fails where there is none."""
    return next(at for at in range(start, len(found)) if re.search(pattern, found[at]))


def test_file_folder_and_database_are_synced_before_250_leaves(site: Site) -> None:
    output = site.folder / "trace"
    watched = "trace=fsync,fdatasync,rename,sendto,recvfrom"
    with site.lmtpd(before=[*strace(), "-D", "-f", "-y", "-s", "4096", "-e", watched, "-o", str(output)]):
        (answer,) = site.send("one")

    assert answer.startswith("250")
    found = calls(output.read_text())
    begin = first(found, r"^sendto\(.*354 ")
    file = first(found, r"^fsync\(\d+<.*/blobs/spool/[^/]+>\) += 0", begin)
    name = first(found, r"^rename\(.*/blobs/spool/.*/blobs/\d+/", file)
    folder = first(found, r"^fsync\(\d+<.*/blobs/\d+/[0-9a-f]{2}>\) += 0", name)
    if site.variables["DATABASE_URL"].startswith("sqlite"):
        database = first(found, r"^fd?a?t?a?sync\(\d+<.*sqlite3-wal>\) += 0", folder)
    else:
        asked = first(found, r"^sendto\(.*COMMIT", folder)
        database = first(found, r"^recvfrom\(.*COMMIT", asked)
    first(found, r"^sendto\(.*250 2\.1\.5 delivered", database)
    answers = [at for at, call in enumerate(found) if "250 2.1.5 delivered" in call]
    assert answers == [first(found, "250 2.1.5 delivered")]
    assert answers[0] > database


# --------------------------------------------------------------------------------------------------------------- large


def memory(pid: int) -> int:
    """The most octets that a process has ever had in memory, those of mapped files among them."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.own("a message of 50 MB adds 20 MB to the process at most")
@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", "text/html"])
def test_a_message_of_50_megabytes_costs_little_memory(site: Site, kind: str) -> None:
    line = b"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyBhbmQgZ29lcyBob21l\r\n"
    encoding = "7bit" if kind.startswith("text") else "base64"
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    part = b"--b\r\n" + head + line * (50 * MEGABYTE // len(line))
    top = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\nSubject: large\r\n\r\n'
    with site.lmtpd() as watching:
        child = serving(watching)
        for number in range(5):
            site.send(f"small{number}")
        before = memory(child)
        with site.connect() as client:
            found = client.deliver(top + part + b"--b--\r\n", site.addresses)
        added = memory(child) - before

    assert all(answer.startswith("250") for answer in found.values())
    assert added <= 20 * MEGABYTE, f"{added / MEGABYTE:.1f} MB"


# ----------------------------------------------------------------------------------------------------------- full disk


@pytest.fixture
def small_disk(site: Site) -> list[str]:
    """What to start a process by, so that its blobs lie on a disk of 16 MB."""
    blobs = Path(site.variables["DATA_DIR"]) / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o size=16m tmpfs '{blobs}'"
    own_mounts = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    tried = subprocess.run([*own_mounts, "sh", "-c", mount], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("no file system may be mounted here, so no disk can be full")
    return [*own_mounts, "sh", "-c", f'{mount} && exec "$0" "$@"']


@pytest.mark.own("a full disk answers 4xx and leaves no debris")
@pytest.mark.parametrize("size", [100_000, 2 * MEGABYTE], ids=["in memory", "spooled"])
def test_a_full_disk_defers_and_the_message_comes_once_when_there_is_room(
    site: Site, small_disk: list[str], size: int
) -> None:
    body = b"x" * 78 + b"\r\n"
    with site.lmtpd(before=small_disk) as watching:
        blobs = Path(f"/proc/{serving(watching)}/root{site.variables['DATA_DIR']}/blobs")
        filler = blobs / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass
        (refused,) = site.send("one", body=body * (size // len(body)))
        debris = [path.name for path in blobs.rglob("*") if path.is_file() and path != filler]
        filler.unlink()
        (again,) = site.send("one", body=body * (size // len(body)))
        (third,) = site.send("one", body=body * (size // len(body)))

    assert refused.startswith("452 4.3.1")
    assert debris == []
    assert again.startswith("250 2.1.5 delivered <")
    assert third.startswith("250 2.1.5 delivered before <")
