"""What ``import_mail`` was asked to do, as jobs: one source for one account each.

Rules kept here: no password is ever an argument, since those are seen by everybody on the machine; it comes from a
file, from the environment (IMPORT_PASSWORD, IMPORT_TOKEN), or is asked for at a terminal.
"""

from __future__ import annotations

import csv
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mail.importers.entry import SourceError
from mail.importers.imap import ImapSource
from mail.importers.imap_server import Login
from mail.importers.jmap import JmapSource
from mail.importers.jmap_server import Credentials
from mail.importers.source import Source, open_path

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One source, named by ``label`` to the person, for the account of an address or user name."""

    label: str
    account: str
    open: Callable[[Note], Source]


def jobs_of(options: Mapping[str, Any]) -> list[Job]:
    """The jobs that the options of the command ask for. Raises SourceError where they make no sense."""
    remote = options["imap"] or options["jmap"]
    if options["imap"] and options["jmap"]:
        raise SourceError("name one server, by --imap or by --jmap")
    if options["accounts"]:
        if not remote or options["account"] or options["paths"]:
            raise SourceError("--accounts takes a server by --imap or --jmap, and neither ACCOUNT nor PATH")
        return _jobs_of_csv(options["accounts"], options)
    if not options["account"] or bool(remote) == bool(options["paths"]):
        raise SourceError("name an ACCOUNT, and either a PATH or a server by --imap or --jmap")
    if not remote:
        into = tuple(name for name in (options["mailbox"] or "").split("/") if name)
        return [Job(path.name, options["account"], partial(_open_path, path, into)) for path in options["paths"]]
    user = options["user"] or options["account"]
    token = _secret(options["token_file"], "IMPORT_TOKEN") if options["jmap"] else ""
    asked_of = options["master"] or user
    password = "" if token else _secret(options["password_file"], "IMPORT_PASSWORD", f"Password of {asked_of}: ")
    return [_remote(options["account"], user, password, token, options)]


def _jobs_of_csv(path: Path, options: Mapping[str, Any]) -> list[Job]:
    master = ""
    if options["master"]:
        master = _secret(options["password_file"], "IMPORT_PASSWORD", f"Password of {options['master']}: ")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read as CSV: {error}") from error
    needed = ["user", "account"] if options["master"] else ["user", "password", "account"]
    jobs = []
    for number, row in enumerate(rows, 2):
        missing = [name for name in needed if not (row.get(name) or "").strip()]
        if missing:
            raise SourceError(f"{path}, line {number}: nothing in {', '.join(missing)}")
        user, account = row["user"].strip(), row["account"].strip()
        jobs.append(_remote(account, user, master or row["password"], "", options))
    if not jobs:
        raise SourceError(f"{path} has no lines after the one with {', '.join(needed)}")
    return jobs


def _remote(account: str, user: str, password: str, token: str, options: Mapping[str, Any]) -> Job:
    name = f"{user}{options['master_separator']}{options['master']}" if options["master"] else user
    open_it: Callable[[Note], Source]
    if options["imap"]:
        host, port = _host_and_port(options["imap"])
        login = Login(host, user, password, name, port, options["security"], options["ca_file"])
        open_it = partial(_open_imap, login, options["folder"], options["with_deleted"])
    else:
        credentials = Credentials(name, password, token)
        open_it = partial(_open_jmap, options["jmap"], credentials, options["ca_file"])
    return Job(user, account, open_it)


def _open_path(path: Path, into: tuple[str, ...], note: Note) -> Source:
    return open_path(path, into)


def _open_imap(login: Login, only: list[str], with_deleted: bool, note: Note) -> Source:
    return ImapSource(login, note, only, with_deleted)


def _open_jmap(url: str, credentials: Credentials, ca_file: str | None, note: Note) -> Source:
    return JmapSource(url, credentials, note, ca_file)


def _host_and_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.startswith("[")):
        return text.strip("[]"), None
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise SourceError(f"{text} is not HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def _secret(file: Path | None, variable: str, prompt: str = "") -> str:
    """A secret from a file or the environment, else asked for where there is a prompt; empty where there is none."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{file} cannot be read: {error}") from error
    if os.environ.get(variable):
        return os.environ[variable]
    if not prompt:
        return ""
    if not sys.stdin.isatty():
        raise SourceError(f"give the password by --password-file or {variable}")
    return getpass.getpass(prompt)
