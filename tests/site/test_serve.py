"""``manage.py serve`` as a person meets it: first run, second run, and what it refuses."""

import json
import sqlite3
import stat
from pathlib import Path

import httpx
import pytest

from tests.running import environment, free_port, manage, serve


@pytest.mark.parametrize(("server", "workers"), [("daphne", "1"), ("uvicorn", "2")])
def test_the_first_run_makes_a_demo_and_prints_it_once(tmp_path: Path, server: str, workers: str) -> None:
    data, port, log = tmp_path / "data", free_port(), tmp_path / "log"
    variables = environment(data, SERVER=server, WORKERS=workers)

    with serve(port, log, variables):
        page = httpx.get(f"http://127.0.0.1:{port}/admin/login/")
        demo = json.loads((data / "demo.json").read_text())
    first = log.read_text()
    with serve(port, log, variables):
        unchanged = json.loads((data / "demo.json").read_text())
    second = log.read_text()

    assert page.status_code == 200
    assert stat.S_IMODE((data / "demo.json").stat().st_mode) == 0o600
    assert demo["sessionUrl"].startswith(f"http://127.0.0.1:{port}/")
    assert demo["adminUrl"] == f"http://127.0.0.1:{port}/admin/"
    assert [login["address"] for login in demo["accounts"]] == ["alice@demo.example", "bob@demo.example"]
    assert unchanged == demo
    for login in (*demo["accounts"], demo["admin"]):
        assert login["password"] in first
        assert login["password"] not in second
    assert demo["sessionUrl"] in first
    assert demo["sessionUrl"] in second


def test_the_admin_of_the_demo_can_sign_in_and_gets_styles(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with serve(port, tmp_path / "log", environment(data)):
        demo = json.loads((data / "demo.json").read_text())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as browser:
            browser.get("/admin/login/")
            form = {**demo["admin"], "csrfmiddlewaretoken": browser.cookies["csrftoken"], "next": "/admin/"}
            page = browser.post("/admin/login/", data=form)
            styles = browser.get("/static/admin/css/base.css")

    assert page.status_code == 200
    assert page.url.path == "/admin/"
    assert styles.headers["content-type"].startswith("text/css")


def test_another_port_changes_the_urls_of_the_demo_and_nothing_else(tmp_path: Path) -> None:
    data, ports = tmp_path / "data", [free_port(), free_port()]
    demos = []
    for port in ports:
        with serve(port, tmp_path / "log", environment(data)):
            demos.append(json.loads((data / "demo.json").read_text()))

    assert demos[1]["accounts"] == demos[0]["accounts"]
    assert demos[1]["sessionUrl"] == demos[0]["sessionUrl"].replace(str(ports[0]), str(ports[1]))


def test_a_site_with_a_database_url_gets_no_demo(tmp_path: Path) -> None:
    data, port, log = tmp_path / "data", free_port(), tmp_path / "log"

    with serve(port, log, environment(data, DATABASE_URL=f"sqlite:///{tmp_path / 'own.sqlite3'}")):
        made = (data / "demo.json").exists()

    assert not made
    assert (tmp_path / "own.sqlite3").exists()


def test_a_database_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    variables = environment(data)
    manage("migrate", "otp_totp", "0001", variables=variables)

    with serve(port, tmp_path / "log", variables):
        pass

    copies = list((data / "backups").iterdir())
    assert len(copies) == 1
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600
    with sqlite3.connect(copies[0]) as copy:
        applied = copy.execute("SELECT name FROM django_migrations WHERE app = 'otp_totp'").fetchall()
    assert applied == [("0001_initial",)]


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    variables = environment(data, PORT=str(free_port()))
    manage("migrate", variables=variables)
    with sqlite3.connect(data / "db.sqlite3") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('jmap_core', '9999_future', '2030-01-01')"
        )

    done = manage("serve", variables=variables)

    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "jmap_core.9999_future" in done.stderr
    assert not (data / "backups").exists()


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    port = free_port()
    with serve(port, tmp_path / "log", environment(tmp_path / "one")):
        done = manage("serve", variables=environment(tmp_path / "two", PORT=str(port)))

    assert done.returncode != 0
    assert done.stderr.startswith(f"CommandError: Cannot listen on 127.0.0.1 port {port}:")
    assert done.stderr.count("\n") == 1


def test_a_folder_is_served_by_one_server_at_a_time(tmp_path: Path) -> None:
    with serve(free_port(), tmp_path / "log", environment(tmp_path / "data")):
        done = manage("serve", variables=environment(tmp_path / "data", PORT=str(free_port())))

    assert done.returncode != 0
    assert "Another server runs on" in done.stderr


def test_daphne_with_several_workers_is_refused(tmp_path: Path) -> None:
    done = manage("serve", variables=environment(tmp_path / "data", SERVER="daphne", WORKERS="2"))

    assert done.returncode != 0
    assert "SERVER=uvicorn" in done.stderr
