"""Copies of the database: of one moment while others write, and put back in one transaction.

Rules kept here:
- a copy is of one moment, and what is said of it (accounts, migrations, blobs) is of the same;
- putting a copy back, with the statements that continue it, is one commit: whatever interrupts it leaves the database
  as it was;
- nobody else is connected meanwhile;
- passwords travel in the environment of the programs, never as arguments.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

from django.db import connection, connections

from jmap.backup import sql
from jmap.backup.conf import backup_options
from jmap.backup.errors import BackupError
from jmap.backup.sql import Rows

PAGES = 4_096
SLICE = 1 << 20


class Database(Protocol):
    """A kind of database that can be backed up."""

    def check(self) -> None:
        """Raise BackupError where something is missing that ``dump`` and ``load`` need."""

    def dump(self, target: Path, tell: Callable[[Rows], None]) -> None:
        """Write a copy to a file, synced; ``tell`` may ask for rows of the same moment."""

    def refuse_others(self) -> None:
        """Raise BackupError where somebody else is connected."""

    def load(self, source: Path, statements: Sequence[str]) -> None:
        """Put a copy in place of everything, continued by statements."""


def default_database() -> Database:
    """The one that the settings name."""
    return PostgresDatabase() if connection.vendor == "postgresql" else SqliteDatabase()


class SqliteDatabase:
    """A file, copied by SQLite's own backup interface."""

    def __init__(self) -> None:
        self._path = Path(connection.settings_dict["NAME"]).absolute()

    def check(self) -> None:
        """See Database: Python brings everything."""

    def dump(self, target: Path, tell: Callable[[Rows], None]) -> None:
        """See Database. A reader of the write-ahead log keeps no writer waiting."""
        _make_private(target)
        with (
            closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            # An open read holds the moment: a copy in steps would otherwise begin anew at every write.
            source.execute("BEGIN")
            source.execute(sql.ANYTHING).fetchall()
            source.backup(copy, pages=PAGES)
            copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            tell(lambda statement: iter(copy.execute(statement)))
        sync(target)

    def refuse_others(self) -> None:
        """See Database: only who is alone may leave the mode of the write-ahead log."""
        connections.close_all()
        if not self._path.exists():
            return
        with closing(sqlite3.connect(self._path, timeout=1)) as alone:
            try:
                alone.execute("PRAGMA journal_mode=DELETE").fetchall()
                alone.execute("BEGIN EXCLUSIVE")
                alone.rollback()
            except sqlite3.OperationalError:
                raise BackupError("the database is in use: stop the server and its workers first") from None

    def load(self, source: Path, statements: Sequence[str]) -> None:
        """See Database. A working copy is continued first, then takes the place in one transaction of SQLite's."""
        with tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".restore-") as folder:
            ready = Path(folder) / "database"
            shutil.copyfile(source, ready)
            try:
                with closing(sqlite3.connect(ready)) as copy:
                    for statement in statements:
                        copy.execute(statement)
                    copy.commit()
                    self.refuse_others()
                    _make_private(self._path)
                    with closing(sqlite3.connect(self._path)) as live:
                        copy.backup(live)
            except sqlite3.Error as error:
                raise BackupError(f"the database was left as it was: {error}") from error


class PostgresDatabase:
    """A database that PostgreSQL's own programs copy."""

    def check(self) -> None:
        """See Database."""
        for name in ("pg_dump", "pg_restore", "psql"):
            _program(name)

    def dump(self, target: Path, tell: Callable[[Rows], None]) -> None:
        """See Database."""
        _make_private(target)
        address, environment = _address()
        with sql.exported_snapshot() as (snapshot, rows):
            command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", "--no-password"]
            command += [f"--snapshot={snapshot}", f"--file={target}", *address]
            done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise BackupError(f"pg_dump failed: {_last_line(done.stderr)}")
            tell(rows)
        sync(target)

    def refuse_others(self) -> None:
        """See Database."""
        connections.close_all()
        others = sql.others_connected()
        if others:
            raise BackupError(f"{others} others use the database: stop the server and its workers first")

    def load(self, source: Path, statements: Sequence[str]) -> None:
        """See Database. Without COMMIT at its end psql leaves everything as it was."""
        schema = sql.schema_name()
        self.refuse_others()
        connections.close_all()
        address, environment = _address()
        apply = [_program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", *address]
        unpack = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(source)]
        with tempfile.TemporaryFile("w+") as said:
            psql = subprocess.Popen(
                apply, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
            )
            restore = subprocess.Popen(unpack, env=environment, stdout=subprocess.PIPE, stderr=said)
            assert psql.stdin is not None
            assert restore.stdout is not None
            try:
                psql.stdin.write(f"BEGIN;\n{sql.drop_all_tables()};\n".encode())
                shutil.copyfileobj(restore.stdout, psql.stdin, SLICE)
                if restore.wait() == 0:
                    after = [f"SET search_path TO {schema}", *statements, "COMMIT"]
                    psql.stdin.write("".join(f"{statement};\n" for statement in after).encode())
                psql.stdin.close()
            except BrokenPipeError:
                # psql has ended, and said why.
                pass
            finally:
                restore.stdout.close()
                codes = _end(restore), _end(psql)
            if any(codes):
                said.seek(0)
                raise BackupError(f"the database was left as it was: {_last_line(said.read())}")


def _end(process: subprocess.Popen[bytes]) -> int:
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    return process.wait()


def _program(name: str) -> str:
    folder = backup_options().postgres_bin
    found = shutil.which(name, path=folder or None)
    if found is None:
        where = f"in {folder}" if folder else "on this machine"
        raise BackupError(f"there is no {name} {where}: install PostgreSQL's client programs (postgresql-client)")
    return found


def _address() -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment that lead PostgreSQL's programs to the database."""
    client: Any = connection.client
    arguments, variables = client.settings_to_cmd_args_env(connection.settings_dict, [])
    *options, name = arguments[1:]
    return [*options, f"--dbname={name}"], {**os.environ, **_text(variables)}


def _text(variables: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (variables or {}).items()}


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def sync(path: Path) -> None:
    """Bring a file to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), (lines or ["it did not say why"])[-1])
