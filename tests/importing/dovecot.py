"""A Dovecot of our own with any number of accounts, and a line to it that can be made to drop.

Every user has the password PASSWORD, and MASTER may log in as any of them (``ada*master``).
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient

from scripts import services
from tests.corpus.generator import Corpus

PASSWORD, MASTER, MASTER_PASSWORD = "päss-word", "master", "masters-wörd"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/messages
libexec_dir = {libexec}
import_environment = TZ LD_LIBRARY_PATH={libraries}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain
auth_master_user_separator = *
auth_cache_size = 0
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
passdb {{
  driver = passwd-file
  master = yes
  args = {folder}/masters
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
  mailbox "Gesendete Objekte" {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Everything {{
    special_use = \\All
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server."""

    port: int
    tls_port: int
    folder: Path

    @contextlib.contextmanager
    def account(self, user: str) -> Iterator[IMAPClient]:
        """Somebody's account, as their own program sees it."""
        with IMAPClient("127.0.0.1", self.port, ssl=False) as client:
            client.plain_login(user, PASSWORD)
            yield client

    def put(
        self,
        user: str,
        folder: str,
        message: bytes,
        flags: tuple[str, ...] = (),
        received_at: datetime | None = None,
    ) -> None:
        """A message in a folder, which is made where there is none."""
        with self.account(user) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
                client.subscribe_folder(folder)
            client.append(folder, message, flags, received_at)

    def fill(self, user: str, corpus: Corpus) -> None:
        """Give somebody who was never there the Maildir of a corpus."""
        home = self.folder / "home" / user
        maildir, _ = corpus.write(home)
        maildir.rename(home / "Maildir")
        owner = self.folder.stat()
        for path in (home.parent, home, *home.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)

    def files(self, user: str) -> list[Path]:
        """The files of somebody's inbox, in the order in which they came."""
        maildir = self.folder / "home" / user / "Maildir"
        return sorted((path for place in ("cur", "new") for path in (maildir / place).iterdir()), key=lambda p: p.name)

    def number_anew(self, user: str) -> None:
        """Give somebody's inbox another UIDVALIDITY, and every message another UID."""
        maildir = self.folder / "home" / user / "Maildir"
        names = (maildir / "dovecot-uidlist").read_text().splitlines()
        [validity] = re.findall(r" V(\d+)", names[0])
        header = re.sub(r" V\d+ N\d+", f" V{int(validity) + 7} N900", names[0])
        lines = [re.sub(r"^(\d+)", lambda found: str(int(found[1]) + 500), line) for line in names[1:]]
        (maildir / "dovecot-uidlist").write_text("\n".join([header, *lines]) + "\n")
        for index in maildir.glob("dovecot.index*"):
            index.unlink()


@contextlib.contextmanager
def dovecot(prefix: str = "", separator: str = "/") -> Iterator[Dovecot]:
    """A server for the time of a block; personal folders have the prefix. Its certificate is ``cert.pem``, its own."""
    binary = Path(os.environ["TEST_DOVECOT"])
    # Short, since an unpacked Dovecot is told its path in the room of another one.
    folder = Path(services.own_folder("d"))
    identity = services.unprivileged()
    uid, gid = int(str(identity.get("user", os.getuid()))), int(str(identity.get("group", os.getgid())))
    port, tls_port = services.free_port(), services.free_port()
    (folder / "masters").write_text(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")
    _self_signed(folder)
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            libexec=binary.parent.parent / "lib/dovecot",
            libraries=_libraries(binary, folder),
            user=pwd.getpwuid(uid).pw_name,
            group=grp.getgrgid(gid).gr_name,
            uid=uid,
            gid=gid,
            port=port,
            tls_port=tls_port,
            password=PASSWORD,
            prefix=prefix,
            separator=separator,
        )
    )
    # An unpacked Dovecot would look for its reader of configurations under /usr/bin; so that one starts the server.
    reader = str(binary.parent.parent / "bin/doveconf")
    command = [
        reader,
        "-f",
        "service=master",
        "-c",
        str(configuration),
        "-e",
        str(binary),
        "-F",
        "-c",
        str(configuration),
    ]
    process = services.launch(command, str(folder), False)
    server = services.Server("dovecot", process.pid, str(folder), signal.SIGTERM, {}, process)
    try:
        services.wait_for(
            process, str(folder), "Dovecot", lambda: services.accepts(port) and services.accepts(tls_port)
        )
        yield Dovecot(port, tls_port, folder)
    finally:
        server.stop()


def _libraries(binary: Path, folder: Path) -> str:
    """Where Dovecot finds its libraries; an unpacked one gets a copy of one that knows where its modules are."""
    libraries = services.environment_of(str(binary)).get("LD_LIBRARY_PATH", "")
    home = binary.parent.parent / "lib/dovecot"
    if home == Path("/usr/lib/dovecot"):
        return libraries
    told, meant = b"/usr/lib/dovecot/modules\0", f"{folder}/m".encode()
    assert len(meant) < len(told), f"{folder} is too long a path: set TMPDIR to a short one"
    (folder / "m").symlink_to(home / "modules")
    (folder / "lib").mkdir()
    library = (home / "libdovecot.so.0").read_bytes()
    (folder / "lib" / "libdovecot.so.0").write_bytes(library.replace(told, meant.ljust(len(told), b"\0")))
    return f"{folder}/lib:{home}/modules/old-stats:{libraries}"


def _self_signed(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    octets = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(octets)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


class Line:
    """A port that leads to another one and hangs up when it is told to.

    ``drops_after`` are octets from the server after which a connection is cut, one number a connection; then none is.
    """

    def __init__(self, port: int, drops_after: tuple[int, ...]) -> None:
        self._target = port
        self._drops = list(drops_after)
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                limit = self._drops.pop(0) if self._drops else None
                threading.Thread(target=self._serve, args=(client, limit), daemon=True).start()

    def _serve(self, client: socket.socket, limit: int | None) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
            _pump(server, client, limit)
            client.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    """Carry octets until one side ends, or so many were carried."""
    carried = 0
    with contextlib.suppress(OSError):
        while data := source.recv(16_384):
            if limit is not None and carried + len(data) > limit:
                target.sendall(data[: limit - carried])
                return
            carried += len(data)
            target.sendall(data)
