#!/usr/bin/env python3
"""Programs that tests need (PostgreSQL, Redis, nginx, Dovecot, a browser), without touching what the machine has.

    scripts/services.py run postgres redis -- pytest      start, run the command with their addresses, stop
    scripts/services.py start postgres                    start, print the environment to use, leave running
    scripts/services.py stop                              stop what `start` left running
    scripts/services.py fetch nginx                       only make sure that the program is there

Rules kept here: standard library only; a program that is installed already is used, otherwise Debian's packages are
unpacked into a private folder (SERVICES_PREFIX; nothing is installed, no root needed); every server listens on a free
port of 127.0.0.1 with a password of its own, keeps its data in a temporary folder, and ends with the process that
started it. Run by root, servers run as `nobody`. A variable that is set already (TEST_POSTGRES_URL ...) is left alone
and its server not started. Where no browser can be had, its tests are told why in TEST_BROWSER_MISSING and skipped.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60
STATE_FILE = Path(__file__).resolve().parent.parent / ".services" / "running.json"
LINUX_PR_SET_PDEATHSIG = 1


class ServiceError(Exception):
    """A server cannot be had; the message is one line for the person who runs the tests."""


@dataclass(frozen=True)
class Program:
    """A program: the Debian packages that hold it and where its binaries lie."""

    packages: tuple[str, ...]
    binaries: tuple[str, ...]


PROGRAMS = {
    "postgres": Program(
        ("postgresql-15", "postgresql-client-15"),
        tuple(f"usr/lib/postgresql/15/bin/{name}" for name in ("postgres", "initdb", "pg_dump", "pg_restore", "psql")),
    ),
    "redis": Program(("redis-server", "redis-tools"), ("usr/bin/redis-server",)),
    "nginx": Program(("nginx",), ("usr/sbin/nginx",)),
    "dovecot": Program(
        ("dovecot-core", "dovecot-imapd"), ("usr/sbin/dovecot", "usr/bin/doveconf", "usr/lib/dovecot/imap")
    ),
    "postfix": Program(("postfix",), ("usr/lib/postfix/sbin/master", "usr/sbin/postconf")),
    "strace": Program(("strace",), ("usr/bin/strace",)),
    # Browser and driver are of one version only when both come from one place; without fonts no page is drawn.
    "browser": Program(
        ("chromium", "chromium-common", "chromium-driver", "fonts-dejavu-core"),
        ("usr/lib/chromium/chromium", "usr/bin/chromedriver"),
    ),
}


def say(text: str) -> None:
    """Tell the person what is going on, beside the output of the command."""
    print(f"services: {text}", file=sys.stderr, flush=True)


# --- Programs: installed, or unpacked into the private folder ---------------------------------------------------------


def prefix() -> Path:
    """The private folder; for root one that other users can read, since servers do not run as root."""
    given = os.environ.get("SERVICES_PREFIX")
    if given:
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/jmap-test-services")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jmap-test-services"


def program(name: str) -> dict[str, str]:
    """Paths of the program's binaries by name, fetched where they are not on this machine."""
    wanted = PROGRAMS[name]
    for root in (Path("/"), prefix() / "root"):
        found = locate(wanted, root)
        if found:
            return found
    fetch(wanted)
    found = locate(wanted, prefix() / "root")
    if not found:
        raise ServiceError(f"Debian's {', '.join(wanted.packages)} did not bring /{', /'.join(wanted.binaries)}.")
    return found


def locate(wanted: Program, root: Path) -> dict[str, str]:
    """Paths of all binaries under a root, or nothing if one is absent."""
    found = {}
    for binary in wanted.binaries:
        path = root / binary
        if not os.access(path, os.X_OK):
            return {}
        found[path.name] = str(path)
    return found


def library_path() -> dict[str, str]:
    """The environment in which programs of the private folder find their libraries."""
    # Libraries of PulseAudio look for one of their own at an absolute path, which is not ours.
    places = (
        *("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/pulseaudio"),
        *("usr/lib/dovecot", "usr/lib/postfix"),
    )
    folders = [str(path) for place in places for path in (prefix() / "root").glob(place)]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def environment_of(binary: str) -> dict[str, str]:
    """The environment to run a binary in."""
    own = library_path() if binary.startswith(str(prefix())) else {}
    return {**os.environ, **own}


def fetch(wanted: Program) -> None:
    """Download packages, and the libraries they lack on this machine, and unpack them into the private folder."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ServiceError(
            f"{wanted.packages[0]} is not installed and there is no apt-get to fetch it with: install it yourself."
        )
    base = prefix()
    for folder in ("lists/partial", "archives/partial", "root"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    options = [
        "-o", f"Dir::State::Lists={base / 'lists'}",
        "-o", f"Dir::Cache::Archives={base / 'archives'}",
        "-o", f"Dir::Cache::pkgcache={base / 'pkgcache.bin'}",
        "-o", f"Dir::Cache::srcpkgcache={base / 'srcpkgcache.bin'}",
        "-o", "Debug::NoLocking=true",
        "-o", "APT::Sandbox::User=",
        "-o", "APT::Install-Recommends=false",
        "-q",
    ]  # fmt: skip
    say(f"fetching {', '.join(wanted.packages)} from Debian into {base} (once)")
    apt(["update", *options])
    plan = apt(["install", "--simulate", *options, *wanted.packages])
    # "Inst NAME (new ..." is absent here; "Inst NAME [old] (new ..." is here already, and good enough.
    steps = [line.split() for line in plan.splitlines() if line.startswith("Inst ")]
    missing = [step[1].partition(":")[0] for step in steps if not step[2].startswith("[")]
    names = sorted({*wanted.packages, *filter(is_needed_library, missing)})
    with tempfile.TemporaryDirectory(dir=base, prefix="download-") as folder:
        apt(["download", *options, *names], folder=folder)
        for package in sorted(Path(folder).glob("*.deb")):
            say(f"unpacking {package.name}")
            subprocess.run(["dpkg-deb", "-x", str(package), str(base / "root")], check=True)


def is_needed_library(package: str) -> bool:
    """Whether a dependency is a library that the server loads: not the compiler of PostgreSQL's JIT, which is off,
    nor scripts around the server."""
    return package.startswith("lib") and not package.startswith(("libllvm", "libz3")) and not package.endswith("-perl")


def apt(arguments: Sequence[str], folder: str | None = None) -> str:
    """Run apt-get and give its output. Raises ServiceError with its last line."""
    command = ["apt-get", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["no output"])[-1]
        raise ServiceError(f"apt-get {arguments[0]} failed: {last}")
    return done.stdout


# --- Running servers --------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A server that was started here."""

    name: str
    pid: int
    folder: str
    stop_signal: int
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def stop(self) -> None:
        """End the server and remove its data."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, self.stop_signal)
        deadline = time.monotonic() + START_SECONDS
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)

    def alive(self) -> bool:
        """Whether the process still runs."""
        if self.process is not None:
            return self.process.poll() is None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def unprivileged() -> dict[str, object]:
    """Arguments of subprocess that drop root; none where this is no root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own_folder(name: str) -> str:
    """A new temporary folder that belongs to whoever runs the server."""
    folder = tempfile.mkdtemp(prefix=f"jmap-{name}-")
    identity = unprivileged()
    if identity:
        os.chown(folder, identity["user"], identity["group"])  # type: ignore[arg-type]
    return folder


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Let the kernel end this process when the one that started it dies, however it dies."""
    ctypes.CDLL(None).prctl(LINUX_PR_SET_PDEATHSIG, signal.SIGTERM)


def launch(command: Sequence[str], folder: str, detached: bool) -> "subprocess.Popen[bytes]":
    """Start a server with its output in a log file of its folder."""
    with open(Path(folder) / "log", "wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(command[0]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if detached else die_with_parent,
            **unprivileged(),  # type: ignore[call-overload]
        )


def wait_for(process: "subprocess.Popen[bytes]", folder: str, name: str, ready: Callable[[], bool]) -> None:
    """Wait until the server answers. Raises ServiceError with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = (Path(folder) / "log").read_text(errors="replace").strip().splitlines()[-3:]
            process.kill()
            raise ServiceError(f"{name} did not start: {' / '.join(tail)}")
        time.sleep(0.05)


def accepts(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def start_postgres(detached: bool) -> Server:
    """Start PostgreSQL; durability is off, since the data dies with the run, unless SERVICES_DURABLE asks for it."""
    durable = "on" if os.environ.get("SERVICES_DURABLE") else "off"
    binaries = program("postgres")
    folder = own_folder("postgres")
    password = secrets.token_hex(16)
    password_file = Path(folder) / "password"
    password_file.write_text(password)
    identity = unprivileged()
    if identity:
        os.chown(password_file, identity["user"], identity["group"])  # type: ignore[arg-type]
    data = str(Path(folder) / "data")
    made = subprocess.run(
        [binaries["initdb"], "-D", data, "-U", "tests", "--auth=scram-sha-256", f"--pwfile={password_file}",
         "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        cwd=folder, env=environment_of(binaries["initdb"]), capture_output=True, text=True, check=False,
        **unprivileged(),  # type: ignore[call-overload]
    )  # fmt: skip
    if made.returncode != 0:
        raise ServiceError(f"initdb failed: {made.stderr.strip()}")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": durable,
        "synchronous_commit": durable,
        "full_page_writes": durable,
        "jit": "off",
        "max_connections": "200",
        "shared_buffers": "128MB",
    }
    command = [binaries["postgres"], "-D", data, "-p", str(port)]
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    process = launch(command, folder, detached)
    log = Path(folder) / "log"
    wait_for(process, folder, "PostgreSQL", lambda: b"ready to accept connections" in log.read_bytes())
    found = {
        "TEST_POSTGRES_URL": f"postgresql://tests:{password}@127.0.0.1:{port}/postgres",
        "TEST_POSTGRES_BIN": str(Path(binaries["pg_dump"]).parent),
        "TEST_POSTGRES_LIBRARY_PATH": environment_of(binaries["pg_dump"]).get("LD_LIBRARY_PATH", ""),
    }
    return Server("postgres", process.pid, folder, signal.SIGINT, found, process)


def start_redis(detached: bool) -> Server:
    """Start Redis, in memory only."""
    binary = program("redis")["redis-server"]
    folder = own_folder("redis")
    password = secrets.token_hex(16)
    port = free_port()
    command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = launch([*command, "--dir", folder, "--requirepass", password], folder, detached)
    wait_for(process, folder, "Redis", lambda: accepts(port))
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    return Server("redis", process.pid, folder, signal.SIGTERM, {"TEST_REDIS_URL": url}, process)


def nginx_environment() -> dict[str, str]:
    """Where tests find nginx; they start it themselves with the configuration that they test."""
    binary = program("nginx")["nginx"]
    libraries = environment_of(binary).get("LD_LIBRARY_PATH", "")
    return {"TEST_NGINX": binary, "TEST_NGINX_LIBRARY_PATH": libraries}


def dovecot_environment() -> dict[str, str]:
    """Where tests find Dovecot; they start it themselves, each with accounts of its own."""
    return {"TEST_DOVECOT": program("dovecot")["dovecot"]}


def postfix_environment() -> dict[str, str]:
    """Where the tests of the MTA find Postfix, or why they find none: its master runs as root or not at all."""
    if os.geteuid() != 0:
        return {"TEST_POSTFIX_MISSING": "Postfix's master runs as root alone"}
    binary = program("postfix")["master"]
    libraries = environment_of(binary).get("LD_LIBRARY_PATH", "")
    return {"TEST_POSTFIX": binary, "TEST_POSTFIX_LIBRARY_PATH": libraries}


def strace_environment() -> dict[str, str]:
    """Where tests find strace, which shows what a process writes and when it waits for the disk."""
    binary = program("strace")["strace"]
    return {"TEST_STRACE": binary, "TEST_STRACE_LIBRARY_PATH": environment_of(binary).get("LD_LIBRARY_PATH", "")}


def browser_environment() -> dict[str, str]:
    """Where tests find a browser and its driver, or why they find none; each test starts its own."""
    try:
        binaries = program("browser")
    except (ServiceError, OSError, subprocess.SubprocessError) as error:
        say(f"no browser, so tests that drive one are skipped: {error}")
        return {"TEST_BROWSER_MISSING": str(error)}
    found = {"TEST_CHROMIUM": binaries["chromium"], "TEST_CHROMEDRIVER": binaries["chromedriver"]}
    root = prefix() / "root"
    if Path(binaries["chromium"]).is_relative_to(root):
        found["TEST_BROWSER_LIBRARY_PATH"] = environment_of(binaries["chromium"]).get("LD_LIBRARY_PATH", "")
        found["TEST_BROWSER_FONTS"] = str(root)
    return found


STARTERS = {"postgres": start_postgres, "redis": start_redis}
FINDERS = {
    "nginx": nginx_environment,
    "dovecot": dovecot_environment,
    "postfix": postfix_environment,
    "strace": strace_environment,
    "browser": browser_environment,
}
PROVIDED_BY = {
    "postgres": "TEST_POSTGRES_URL",
    "redis": "TEST_REDIS_URL",
    "nginx": "TEST_NGINX",
    "dovecot": "TEST_DOVECOT",
    "postfix": "TEST_POSTFIX",
    "strace": "TEST_STRACE",
    "browser": "TEST_CHROMIUM",
}


# --- Commands ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Servers for the time of a block; gives the environment in which they are found."""
    found: dict[str, str] = {}
    servers: list[Server] = []
    try:
        for name in names:
            if os.environ.get(PROVIDED_BY[name]):
                continue
            if name in FINDERS:
                found |= FINDERS[name]()
                continue
            server = STARTERS[name](False)
            servers.append(server)
            found |= server.environment
            say(f"{name} runs as process {server.pid}")
        yield found
    finally:
        for server in reversed(servers):
            server.stop()


def run(names: Sequence[str], command: Sequence[str]) -> int:
    """Run the command with the servers and give its exit code; a signal to end is passed on to it."""
    with running(names) as environment:
        process = subprocess.Popen(command, env={**os.environ, **environment})
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, frame: process.send_signal(received))
        return process.wait()


def start(names: Sequence[str]) -> int:
    """Start servers that stay, and print the environment to use in a shell."""
    running_now = json.loads(STATE_FILE.read_text()) if STATE_FILE.exists() else []
    for name in names:
        if name in FINDERS:
            environment = FINDERS[name]()
        else:
            server = STARTERS[name](True)
            environment = server.environment
            running_now.append({"name": name, "pid": server.pid, "folder": server.folder, "signal": server.stop_signal})
            STATE_FILE.parent.mkdir(exist_ok=True)
            STATE_FILE.write_text(json.dumps(running_now))
        for key, value in environment.items():
            print(f"export {key}='{value}'")
    return 0


def stop() -> int:
    """Stop what `start` left running; a process that is no longer the one started is left alone."""
    entries = json.loads(STATE_FILE.read_text()) if STATE_FILE.exists() else []
    for entry in entries:
        if working_folder(entry["pid"]).startswith(entry["folder"]):
            Server(entry["name"], entry["pid"], entry["folder"], entry["signal"]).stop()
            say(f"{entry['name']} (process {entry['pid']}) stopped")
    STATE_FILE.unlink(missing_ok=True)
    return 0


def working_folder(pid: int) -> str:
    """The folder that a process works in, which for a server of ours is its own; empty for none of ours."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def main(arguments: Sequence[str]) -> int:
    """Understand the command line, run it, and give the exit code."""
    own, separator, command = list(arguments), "", []
    if "--" in own:
        index = own.index("--")
        own, separator, command = own[:index], "--", own[index + 1 :]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["run", "start", "stop", "fetch"])
    parser.add_argument("names", nargs="*", choices=[*PROGRAMS, []], metavar="|".join(PROGRAMS))
    chosen = parser.parse_args(own)
    if chosen.action == "run" and not (separator and command):
        parser.error("run needs a command after --")
    try:
        if chosen.action == "run":
            return run(chosen.names, command)
        if chosen.action == "start":
            return start(chosen.names)
        if chosen.action == "fetch":
            for name in chosen.names:
                print(" ".join(program(name).values()))
            return 0
        return stop()
    except ServiceError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
