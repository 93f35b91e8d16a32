"""The commands beside a server that serves: a backup hinders nobody, a restore waits for nobody to be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.running import environment, free_port, manage, own_database, serve

pytestmark = [
    pytest.mark.faults,
    pytest.mark.own("a site is backed up while it serves"),
]


def test_a_site_that_serves_is_backed_up_and_restored_when_it_has_ended(tmp_path: Path) -> None:
    with own_database(tmp_path, "backup") as url:
        data, folder = tmp_path / "data", str(tmp_path / "backups")
        extra = {"POSTGRES_BIN": os.environ.get("TEST_POSTGRES_BIN", ""), "DATABASE_URL": url}
        if libraries := os.environ.get("TEST_POSTGRES_LIBRARY_PATH"):
            extra["LD_LIBRARY_PATH"] = libraries
        variables = environment(data, SECRET_KEY="one", **extra)
        with serve(free_port(), tmp_path / "log", variables):
            backed_up = manage("backup", folder, variables=variables)
            in_use = manage("restore", folder, "--force", variables=variables)

        restored = manage("restore", folder, "--force", variables={**variables, "SECRET_KEY": "another"})

        assert backed_up.returncode == 0, backed_up.stderr
        assert backed_up.stdout.startswith("backup 2")
        assert in_use.returncode == 1
        assert "stop it" in in_use.stderr
        assert restored.returncode == 0, restored.stderr
        assert restored.stdout.startswith("restored 2")
        assert "SECRET_KEY is not the one" in restored.stderr
        with serve(free_port(), tmp_path / "log", variables):
            pass


def test_a_missing_program_of_postgresql_is_named(tmp_path: Path, on_postgresql: bool) -> None:
    if not on_postgresql:
        pytest.skip("SQLite needs no programs")
    with own_database(tmp_path, "backup") as url:
        variables = environment(tmp_path / "data", DATABASE_URL=url, POSTGRES_BIN=str(tmp_path))

        said = manage("backup", str(tmp_path / "backups"), variables=variables)

        assert said.returncode == 1
        assert f"there is no pg_dump in {tmp_path}: install PostgreSQL's client programs" in said.stderr
