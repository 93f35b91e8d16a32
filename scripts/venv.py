#!/usr/bin/env python3
"""Makes .venv what a lock says: `scripts/venv.py base` for serving, `dev` for tests and checks.

Rules kept here: standard library only, run by the system's Python; nothing is done when the environment already holds
what the lock says; a changed lock makes it anew; every lack is one clear line.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
SETS = ("base", "production", "dev")
"""The locks, each containing the one before."""


def main(wanted: str) -> None:
    """Bring .venv to at least the wanted set of packages."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it is the system's Python that runs this, whichever it is
        stop(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Set PYTHON=/path/to/python3.11.")
    if wanted not in SETS:
        stop(f"{wanted!r} is none of {', '.join(SETS)}.")
    installed = read_stamp()
    have = installed.get("set")
    if have in SETS and installed.get("locks") == fingerprint(have) and (VENV / "bin" / "python").exists():
        if SETS.index(have) >= SETS.index(wanted):
            return
    else:
        wanted = max(wanted, have or wanted, key=SETS.index) if have in SETS else wanted
        create()
    install(wanted)


def fingerprint(name: str) -> str:
    """What a set installs: its lock, and the Python that it is installed for."""
    lock = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    return hashlib.sha256(lock + f"{sys.version_info[:2]}".encode()).hexdigest()


def read_stamp() -> dict[str, str]:
    """What was installed last; empty where nothing was, or a run was cut short."""
    try:
        found = json.loads(STAMP.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def create() -> None:
    """Make an empty environment."""
    try:
        import ensurepip  # noqa: F401 - what Debian leaves out without python3-venv
        import venv  # noqa: F401
    except ImportError:
        stop("Python's venv module is missing: install it first (on Debian: apt install python3-venv).")
    say(f"Making {VENV.name} (the packages that the lock names; takes a minute or two)")
    if VENV.exists():
        shutil.rmtree(VENV)
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode != 0:
        stop(f"{VENV} could not be made.")


def install(name: str) -> None:
    """Install a lock, and note that it is complete."""
    STAMP.unlink(missing_ok=True)
    say(f"Installing requirements/{name}.txt")
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--requirement", str(ROOT / "requirements" / f"{name}.txt")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            show(line)
    if pip.returncode != 0:
        stop("pip could not install the packages; its message is above.")
    STAMP.write_text(json.dumps({"set": name, "locks": fingerprint(name)}))
    say("Packages are in place")


def show(line: str) -> None:
    """Pass on of pip's talk what tells progress."""
    if line.startswith("Collecting "):
        print(f"  {line.split()[1]}", flush=True)
    elif line.startswith(("Installing collected", "ERROR")):
        print("  installing them" if line.startswith("Inst") else f"  {line.strip()}", flush=True)


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


def stop(text: str) -> None:
    """End with one clear line."""
    sys.exit(f"error: {text}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "base")
